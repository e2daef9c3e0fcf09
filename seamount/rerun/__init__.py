"""What is done with a build folder that is there: simulate, verify, diff."""
