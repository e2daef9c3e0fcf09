"""Seamount: trained spiking networks become integer programs on Loihi-style cores, proven spike for spike.

The only package that may import all others.
"""
