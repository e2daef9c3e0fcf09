"""The host's side in C: numbers become payloads, outputs become numbers and a class. A header of its own, with doubles.

The network itself needs no floating point; who has integers already leaves this header out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from exporters.c.layout import Member
from exporters.c.source import Source, output_members
from exporters.c.values import type_name
from toolchain.ir.integer import limits
from toolchain.ir.program import Input, Output

ROUNDING = """/* The integer nearest to a number of magnitude below 2^40, of two the even one. */
static inline int64_t @_nearest(double x) {
  int64_t below = (int64_t)x;
  double rest;
  if ((double)below > x) {
    --below;
  }
  rest = x - (double)below;
  return rest > 0.5 || (rest == 0.5 && below % 2 != 0) ? below + 1 : below;
}

/* 2^exponent. */
static inline double @_power(int exponent) {
  double found = 1.0;
  for (; exponent > 0; --exponent) {
    found *= 2.0;
  }
  for (; exponent < 0; ++exponent) {
    found *= 0.5;
  }
  return found;
}
"""


def write_host(source: Source) -> str:
    """The text of ``<prefix>_host.h``: one function an input, and for each output three, over a struct of its own."""
    prefix = source.prefix
    lines = [
        f"/* The host's side of {prefix}.h, written by Seamount: numbers to payloads, outputs to numbers. Doubles. */",
        f"#ifndef {prefix.upper()}_HOST_H",
        f"#define {prefix.upper()}_HOST_H",
        "",
        f'#include "{prefix}.h"',
        "",
        *ROUNDING.replace("@", prefix).splitlines(),
        "",
    ]
    for entry in source.plan.program.inputs:
        lines += [*_encode(source, entry), ""]
    for output, member in zip(source.plan.program.outputs, output_members(source.plan), strict=True):
        size = math.prod(member.extents)
        lines += [*_reading(source, output, member, size), ""]
    lines += [f"#endif /* {prefix.upper()}_HOST_H */", ""]
    return "\n".join(lines)


def _encode(source: Source, entry: Input) -> Iterator[str]:
    prefix, name = source.prefix, source.input_names[entry.name]
    low, high = limits(entry.bits)
    refuses = entry.overflow == "refuse"
    said = "is refused" if refuses else "is clipped"
    yield f"/* {entry.size} numbers to payloads, multiples of 2^-({entry.exponent}); one beyond {low} .. {high} {said}."
    yield f" * Returns {prefix.upper()}_OK, or {prefix.upper()}_BAD_INPUT where a number is refused or no number. */"
    yield f"static inline int {prefix}_encode_{name}(const double *numbers, {prefix}_in *in) {{"
    yield f"  const double scale = {prefix}_power({entry.exponent});"
    yield f"  for (int32_t k = 0; k < {entry.size}; ++k) {{"
    yield "    const double scaled = numbers[k] * scale;"
    yield "    int64_t payload;"
    yield "    if (scaled != scaled || scaled - scaled != 0.0) {"
    yield f"      return {prefix.upper()}_BAD_INPUT;"
    yield "    }"
    yield f"    payload = scaled > {high}.0 + 1.0 ? {high} + INT64_C(1)"
    yield f"      : scaled < {low}.0 - 1.0 ? {low} - INT64_C(1) : {prefix}_nearest(scaled);"
    yield f"    if (payload < {low} || payload > {high}) {{"
    if refuses:
        yield f"      return {prefix.upper()}_BAD_INPUT;"
    else:
        yield f"      payload = payload < 0 ? {low} : {high};"
    yield "    }"
    yield f"    in->{name}[k] = ({source.input_type(entry)})payload;"
    yield "  }"
    yield f"  return {prefix.upper()}_OK;"
    yield "}"


def _reading(source: Source, output: Output, member: Member, size: int) -> Iterator[str]:
    """A struct that takes every step in, and what stands in it."""
    prefix, name, late = source.prefix, member.name, source.plan.program.latency_steps - output.early_steps
    of = f"{prefix}_reading_{name}"
    now = f"(int64_t)((const {type_name(member.bits)} *)out->{name})[k]"
    kept = {
        "count": f"(r->steps > {late + 1} ? r->standing[k] : 0) + ({now} != 0)",
        "sum": f"(r->steps > {late + 1} ? r->standing[k] : 0) + {now}",
        "max": f"r->steps > {late + 1} && r->standing[k] > {now} ? r->standing[k] : {now}",
    }.get(output.reading, now)
    yield f"/* How the output {name} stands ({output.reading}); all 0 before step 0. */"
    yield f"typedef struct {{ uint32_t steps; int64_t standing[{size}]; }} {of};"
    yield "/* After each step, from the first: 1 once what entered first is complete. */"
    yield f"static inline int {of}_take({of} *r, const {prefix}_out *out) {{"
    yield "  r->steps += r->steps < UINT32_MAX ? 1 : 0;"
    yield f"  if (r->steps <= {late}) {{"
    yield "    return 0;"
    yield "  }"
    yield f"  for (int32_t k = 0; k < {size}; ++k) {{"
    yield f"    r->standing[k] = {kept};"
    yield "  }"
    yield "  return 1;"
    yield "}"
    yield from _in_units(output, prefix, of, size)


def _in_units(output: Output, prefix: str, of: str, size: int) -> Iterator[str]:
    """What stands, as numbers and as a class."""
    exponents = (0,) if output.reading == "count" else output.exponents
    yield "/* A neuron's value in the network's own units. */"
    yield f"static inline double {of}_number(const {of} *r, int32_t k) {{"
    if len(exponents) > 1:
        yield f"  static const int exponents[{size}] = {{{', '.join(map(str, exponents))}}};"
        yield f"  return (double)r->standing[k] * {prefix}_power(-exponents[k]);"
    else:
        yield f"  return (double)r->standing[k] * {prefix}_power({-exponents[0]});"
    yield "}"
    yield "/* The neuron with the greatest value, the lowest on a tie. */"
    yield f"static inline int32_t {of}_class(const {of} *r) {{"
    yield "  int32_t best = 0;"
    yield f"  for (int32_t k = 1; k < {size}; ++k) {{"
    yield f"    if ({of}_number(r, k) > {of}_number(r, best)) {{"
    yield "      best = k;"
    yield "    }"
    yield "  }"
    yield "  return best;"
    yield "}"
