"""Scripts that time one foreign simulator each, on its own Python; `benchmarks/interpreters.py` runs them."""
