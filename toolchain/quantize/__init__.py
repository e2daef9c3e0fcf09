"""NIR and calibration data to scales and bit widths."""
