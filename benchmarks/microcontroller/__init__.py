"""Exported C on small machines: cross-compiled, run in qemu, held to the same state after every step as on this one."""
