"""Trained spiking state-space networks: layers, tasks, training, and the way to NIR.

Importing this package imports neither torch nor anything heavy; its modules do when they are imported.
"""
