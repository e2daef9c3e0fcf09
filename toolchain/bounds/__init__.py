"""How large something can be: bounds that hold whatever the input is, and the rules of programs that rest on them.

One domain (`ir.interval`, with a rule beside each primitive), one worst sum (`arrivals`), one fixpoint over a program
(`messages`); verification, passes, quantization and the fast simulators ask here.
"""
