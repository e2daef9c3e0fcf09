"""`python -m toolchain.cli` is `seamount`."""

from toolchain.cli import main

main()
