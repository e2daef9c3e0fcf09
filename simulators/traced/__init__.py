"""What is known of a program before it runs, from its traced steps: for simulators that generate code."""
