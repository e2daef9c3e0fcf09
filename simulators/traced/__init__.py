"""What simulators that generate code share: the order of populations, and the repetition of a block that failed."""
