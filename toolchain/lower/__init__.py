"""NIR and scales -> the integer program."""
