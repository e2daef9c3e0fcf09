"""Programs that the JavaScript and C exporters may stumble over: names, widths, sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from toolchain.ir.connections import Dense, OneToOne
from toolchain.ir.integer import (
    IntArray,
    Overflow,
    Value,
    add,
    each_mode,
    greater,
    multiply_shift_floor,
    select,
    subtract,
    sum_modes,
)
from toolchain.ir.neurons import Coefficient, Keep, NeuronType, Port, Register, Values
from toolchain.ir.program import Input, Output, Population, Program, Projection

HOSTILE = "*/ </script> `${x}` @STEP@ \\ \u2028 ??/"


def hostile() -> Program:
    """Names that are keywords, that become one identifier, and that would end a comment or a string."""
    inputs = (Input("class", 2, 8), Input("3d", 1, 24), Input("a-b", 1, 2))
    names = ("int", "a_b", "slot", "sums", "void", "time")
    neurons = tuple(Population(name, "integrator", 2, origin=HOSTILE[:18]) for name in names)
    joints = tuple(
        Projection(f"{source.name}->{target.name}{HOSTILE[:3].strip()}", source.name, target.name,
                   Dense(np.full((2, source.size), 3)), exponent=-5)
        for source, target in zip(inputs * 2, neurons, strict=True)
    )  # fmt: skip
    outputs = (Output("for", "int", "total"), Output("</script>", "void", "total"), Output("a-b", "slot"))
    program = Program("while", inputs, neurons, joints, outputs, notes={"note": HOSTILE.replace("\u2028", "")})
    return replace(program, name="int */ net")


def wide() -> Program:
    """State spaces whose products need 55 bits, beside a port that hears nothing and sums that are shifted down."""
    modes: dict[str, list[Any]] = {
        "a_re": [[8388600, -8388000]] * 2, "a_im": [[300, 2000]] * 2, "c_re": [[32767, -32768]] * 2,
        "c_im": [[-32768, 5]] * 2, "threshold": [3000, 900],
    }  # fmt: skip
    settings = {"a_bits": 24, "c_bits": 16, "state_bits": 32, "input_shift": 7, "c_shift": 20}
    cells = Population("cells", "ssm_lif", 2, 2, settings, {name: np.array(rows) for name, rows in modes.items()})
    product = Population("product", "product", 2, settings={})
    port, ends = product.type.ports[0].name, OneToOne(np.array([127, -128]))
    joints = (
        Projection("x.cells", "x", "cells", OneToOne(np.array([100, -120]))),
        Projection("cells.cells", "cells", "cells", Dense(np.array([[5, -3], [2, 0]])), exponent=9, delay_steps=62),
        Projection("x.product", "x", "product", ends, port=port, exponent=-7),
    )
    return Program("wide", (Input("x", 2, 17),), (cells, product), joints, ())


def _step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """Modes that move by their distance from the mean, which a first loop sums and a second one needs."""
    moved = add(state.place, each_mode(ports.input))
    mean = multiply_shift_floor(sum_modes(moved), 1, 2)
    place = keep("place", subtract(moved, multiply_shift_floor(own.pull, subtract(moved, each_mode(mean)), 4)))
    total = keep("total", sum_modes(place))
    return {"place": place}, select(greater(total, 900), total, 0)


TWO_LOOPS = NeuronType(
    name="two_loops",
    summary="a neuron whose modes are looped over twice",
    registers=(
        Register("place", 12, Overflow.WRAP, per="mode"),
        Register("total", 24, Overflow.SATURATE, stored=False),
    ),
    coefficients=(Coefficient("pull", 5, per="mode"),),
    settings=(),
    ports=(Port("input"),),
    message_bits=24,
    step=_step,
)


def two_loops() -> Program:
    """A network of them, which hears itself."""
    rng = np.random.default_rng(3)
    cells = Population("cells", "two_loops", 3, 4, {}, {"pull": rng.integers(-16, 16, (3, 4))})
    joints = (
        Projection("x.cells", "x", "cells", Dense(rng.integers(-128, 128, (3, 2)))),
        Projection("cells.cells", "cells", "cells", Dense(rng.integers(-128, 128, (3, 3))), exponent=-8),
    )
    return Program("two_loops", (Input("x", 2, 6),), (cells,), joints, (Output("messages", "cells"),))


def trapping() -> Program:
    """A type whose register nothing may leave, driven out of it after some steps."""
    total = Population("total", "trapped_sum", 1)
    joint = Projection("x.total", "x", "total", Dense(np.array([[100]])))
    return Program("trapping", (Input("x", 1, 8),), (total,), (joint,), (Output("sum", "total", "sum"),))


def _trap_step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    held = keep("sum", add(state.sum, ports.input))
    return {"sum": held}, 0


TRAPPED = NeuronType(
    name="trapped_sum",
    summary="a running sum that ends the run where it leaves 16 bits",
    registers=(Register("sum", 16, Overflow.TRAP),),
    coefficients=(),
    settings=(),
    ports=(Port("input"),),
    message_bits=0,
    step=_trap_step,
)


def drawn(program: Program, samples: int, steps: int, seed: int = 0) -> dict[str, IntArray]:
    """Payloads of the whole range."""
    rng = np.random.default_rng(seed)
    return {
        source.name: rng.integers(-(2 ** (source.bits - 1)), 2 ** (source.bits - 1), (samples, steps, source.size))
        for source in program.inputs
    }
