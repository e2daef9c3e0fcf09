"""Whole networks: their configuration, the systems that have names, and the way to NIR."""
