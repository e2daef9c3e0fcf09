"""Replay: the same networks compiled by two trees, and everything that they wrote compared (`make replay BASE=...`)."""
