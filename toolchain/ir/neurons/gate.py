"""Gates: a value multiplied by a sigmoid, or passed and blocked.

    `sigmoid_gate`: share = table[floor((drive + drive_bias) / 2^index_shift) + index_offset]
                    message = floor((value + value_bias) share / 2^table_bits)
    `binary_gate`:  message = value + value_bias where drive + drive_bias >= threshold, else 0

| register | width | overflow | stored | holds                       |
| opening  | 24    | saturate | no     | what arrived at `drive`     |
| content  | 24    | saturate | no     | what arrived at `value`     |

The table is part of the meaning: entries are sigmoid values with `table_bits` fraction bits, as the compiler wrote
them; an index past an end takes that end's entry. No entry is above 1, so that a message fits the 24 bits of its
value. This is the integer form of GLU, value * sigmoid(drive).
"""

from __future__ import annotations

import numpy as np

from toolchain.ir.integer import (
    Overflow,
    Value,
    add,
    greater_equal,
    lookup,
    multiply_shift_floor,
    select,
    shift_floor,
)
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Setting, Values

REGISTERS = (
    Register("opening", 24, Overflow.SATURATE, stored=False, meaning="what arrived at drive, + bias"),
    Register("content", 24, Overflow.SATURATE, stored=False, meaning="what arrived at value, + bias"),
)
PORTS = (Port("value", meaning="what passes"), Port("drive", meaning="what opens the gate"))
BIASES = (
    Coefficient("value_bias", 24, default=0, meaning="constant added to the value"),
    Coefficient("drive_bias", 24, default=0, meaning="constant added to the drive"),
)


def shares_at_most_one(own: Values) -> list[str]:
    """Name the first entry of the table above 1: its messages could leave the 24 bits that receivers count on."""
    one = 2**own.table_bits
    over = np.flatnonzero(np.greater(own.table, one))
    if not len(over):
        return []
    entry = int(own.table[over[0]])
    return [f"entry {over[0]} of the table is {entry}, over {one} (1 at {own.table_bits} bits); lower it"]


def sigmoid_step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """message = content * table[opening]."""
    opening = keep("opening", add(ports.drive, own.drive_bias))
    content = keep("content", add(ports.value, own.value_bias))
    share = lookup(own.table, add(shift_floor(opening, own.index_shift), own.index_offset))
    return {}, multiply_shift_floor(content, share, own.table_bits)


def binary_step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """message = content where the opening reaches the threshold."""
    opening = keep("opening", add(ports.drive, own.drive_bias))
    content = keep("content", add(ports.value, own.value_bias))
    return {}, select(greater_equal(opening, own.threshold), content, 0)


SIGMOID_GATE = NeuronType(
    name="sigmoid_gate",
    summary="multiplies a value by a table look-up of its drive",
    registers=REGISTERS,
    coefficients=(
        *BIASES,
        Coefficient("table", "entry_bits", signed=False, per="population", meaning="sigmoid, table_bits fraction bits"),
    ),
    settings=(
        Setting("table_bits", 1, 16, 14, "fraction bits of the table's entries"),
        Setting("entry_bits", 1, 17, 15, "width of the table's entries"),
        Setting("index_shift", 0, 23, 0, "drive units an entry, as a power of two"),
        Setting("index_offset", 0, 65536, 0, "entry of drive 0"),
    ),
    ports=PORTS,
    message_bits=24,
    step=sigmoid_step,
    rules=(shares_at_most_one,),
)

BINARY_GATE = NeuronType(
    name="binary_gate",
    summary="passes a value where its drive reaches a threshold",
    registers=REGISTERS,
    coefficients=(*BIASES, Coefficient("threshold", 24, default=0, meaning="drive that opens the gate")),
    settings=(),
    ports=PORTS,
    message_bits=24,
    step=binary_step,
)
