"""What JavaScript and C have in common: a program as loops over neurons, one value at a time.

`plan` decides what a step reads, writes and counts, `synapses` how a message reaches its targets, `walk` in which order
a step's lines are written. A language adds how it writes each primitive and where its arrays lie.
"""
