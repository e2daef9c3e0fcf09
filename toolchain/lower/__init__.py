"""NIR and scales to an integer program."""
