"""From a network to a build folder: compile, export, simulate, compare, score, report."""
