"""Loops that training spends its time in, in several forms each: for any tensor, for a processor, for an NVIDIA GPU."""
