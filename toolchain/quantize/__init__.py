"""NIR and calibration data -> scales and bit widths."""
