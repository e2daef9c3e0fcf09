"""A live module of a spiking framework -> a graph, its conventions, and what the framework itself computed.

The module runs on a sample; `trace.py` follows where each tensor came from, `functions.py` says what an operation of
torch does to that, and one file a framework says what a neuron of it is. No framework is imported: its classes are
recognized by name.
"""
