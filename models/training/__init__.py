"""Training: one step, one epoch, one run, several runs on one machine; pruning; the folder of a finished run."""
