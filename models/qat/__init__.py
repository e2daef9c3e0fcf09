"""Quantization-aware training: a network that computes with the compiler's integers and learns through them.

The forward pass is the integer program itself, to the last bit. The backward pass is that of the float network at the
rounded parameters; every rounding passes its gradient straight through (Bengio et al. 2013). No scale is chosen here:
`compiling` calls the compiler's own functions on the weights as they are, and `grid` takes over what they chose.
"""
