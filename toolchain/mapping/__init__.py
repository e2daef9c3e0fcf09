"""A program on the cores of a target; targets are data files, each number with its source."""
