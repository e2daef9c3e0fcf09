"""Widths layer by layer, measured as units of work: the folder of a search, and what one unit does."""
