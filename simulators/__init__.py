"""A program run: each simulator returns a trace, and two traces are compared exactly."""
