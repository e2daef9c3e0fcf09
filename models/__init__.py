"""Trained spiking state-space networks: layers, tasks, training, and the way to NIR; README.md has a reading order.

Importing this package imports neither torch nor anything heavy; its modules do when they are imported.
"""
