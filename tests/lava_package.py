"""Write the package for Lava of a program that holds every neuron type: `python -m tests.lava_package FOLDER`.

The modules kept as ``exporters/lava/*.py.txt`` are Python of the package and of no package of ours, so that linters and
type checkers pass them by; `make lint` reads them here as a user gets them, beside those generated for a program.
"""

from __future__ import annotations

import sys
from pathlib import Path

from exporters.lava import export_lava
from tests.backends.lava_programs import every_neuron_type, lif_network, side_by_side


def main() -> None:
    """Export into the folder that the command line names."""
    export_lava(side_by_side([every_neuron_type(), lif_network(1)]), Path(sys.argv[1]))


if __name__ == "__main__":
    main()
