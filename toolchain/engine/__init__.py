"""Independent units of work, run one after another, in local processes, or on a cluster; finished ones are kept.

    def measure(arguments):                       # at the top of a module
        return {"error": ...}

    units = [WorkUnit(f"bits_{bits}", {"bits": bits}) for bits in range(4, 9)]
    results = run_units(measure, units, engine="processes", folder=Path("build/search"))

The engine changes where a unit runs and nothing else: results have the units' order, and each is what JSON makes of it.
"""

from toolchain.engine.perform import unit_threads
from toolchain.engine.run import ENGINES, check_engine, run_units
from toolchain.engine.units import JSON, WorkUnit

__all__ = ["ENGINES", "JSON", "WorkUnit", "check_engine", "run_units", "unit_threads"]
