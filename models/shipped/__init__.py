"""The trained networks that are shipped, one folder each, and how one is published."""
