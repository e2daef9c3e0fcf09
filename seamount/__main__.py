"""`python -m seamount` is `seamount`."""

from seamount.cli import main

main()
