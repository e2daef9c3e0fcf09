"""The header and the source file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from exporters.c.layout import KEYWORDS, Layout, Member, lay_out
from exporters.c.steps import constant, constant_bits, constants, step_function
from exporters.c.values import stored_bits, type_name
from exporters.scalar.about import overflow_keys, traps
from exporters.scalar.names import comment, identifiers, plain
from exporters.scalar.plan import ProgramPlan
from toolchain.ir.integer import limits
from toolchain.ir.program import Input
from toolchain.ir.text import program_hash
from toolchain.ir.timestep import initial_value

SUPPORT = Path(__file__).parent / "support.c.txt"
OK, BAD_INPUT, TRAPPED = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Source:
    """A program in C: the text of both files and what it takes.

    Attributes:
        prefix: begins every name of the header.
    """

    plan: ProgramPlan
    prefix: str

    @cached_property
    def layout(self) -> Layout:
        """The state."""
        return lay_out(self.plan)

    @cached_property
    def input_names(self) -> dict[str, str]:
        """The member of each input in the struct of payloads."""
        return identifiers([source.name for source in self.plan.program.inputs], KEYWORDS)

    @staticmethod
    def input_type(entry: Input) -> str:
        """The type of an input's payloads."""
        return type_name(stored_bits(limits(entry.bits)))

    @cached_property
    def constant_bytes(self) -> int:
        """Bytes of weights, coefficients and indices."""
        return sum(
            values.size * constant_bits(values, index=index) // 8
            for step in self.plan.steps.values()
            for _, values, index in constants(self.layout, step)
        )

    @property
    def state_bytes(self) -> int:
        """Bytes of the state: all memory that is written to, beside the stack."""
        return self.layout.bytes

    def header(self) -> str:
        """The text of the header."""
        return "\n".join(_header(self)) + "\n"

    def source(self) -> str:
        """The text of the source file."""
        body = "\n".join(_body(self)).replace("@STATE@", f"{self.prefix}_state")
        support = support_for(body)
        head = [f'#include "{self.prefix}.h"', "", "#include <string.h>", ""]
        return "\n".join([*_title(self.plan), *head, *support, body]) + "\n"


def prefix_of(name: str) -> str:
    """A program's name as the beginning of C names."""
    found = plain(name)
    return f"net{found}" if found.startswith("_") or found in KEYWORDS else found


def _title(plan: ProgramPlan) -> Iterator[str]:
    yield f"/* {comment(plan.program.name)}: an integer network in C99, written by Seamount."
    yield f" * Program {program_hash(plan.program)}. */"


def _header(source: Source) -> Iterator[str]:
    plan, prefix = source.plan, source.prefix
    upper = prefix.upper()
    yield from _title(plan)
    yield from (f"#ifndef {upper}_H", f"#define {upper}_H", "", "#include <stdint.h>", "")
    yield "/* What enters at step t is complete at the outputs at step t + latency: enter zeros meanwhile. */"
    yield f"#define {upper}_LATENCY_STEPS {plan.program.latency_steps}"
    yield "/* Bytes of weights and coefficients (read only) and of the state: nothing else is kept or allocated. */"
    yield f"#define {upper}_CONSTANT_BYTES {source.constant_bytes}"
    yield f"#define {upper}_STATE_BYTES {source.state_bytes}"
    for place, entry in enumerate(plan.program.inputs):
        name = source.input_names[entry.name].upper()
        yield f"/* Input {place}: a payload p stands for p * 2^-exponent. */"
        yield f"#define {upper}_{name}_SIZE {entry.size}"
        yield f"#define {upper}_{name}_BITS {entry.bits}"
        yield f"#define {upper}_{name}_EXPONENT {entry.exponent if entry.exponent >= 0 else f'({entry.exponent})'}"
    yield ""
    yield "/* What a step returns. */"
    yield f"#define {upper}_OK {OK}"
    yield f"#define {upper}_BAD_INPUT {BAD_INPUT} /* a payload does not fit its bits; nothing was changed */"
    yield f"#define {upper}_TRAPPED {TRAPPED} /* a register was left that nothing may leave: the state is lost */"
    yield ""
    yield from _structs(source)
    yield from _counts(source)
    yield from _functions(source)
    yield f"#endif /* {upper}_H */"


def _structs(source: Source) -> Iterator[str]:
    plan, prefix, layout = source.plan, source.prefix, source.layout
    names = source.input_names
    yield "/* Payloads that enter in one step. */"
    yield "typedef struct {"
    for entry in plan.program.inputs:
        yield f"  {Member(names[entry.name], stored_bits(limits(entry.bits)), (entry.size,))}"
    yield f"}} {prefix}_in;"
    yield ""
    yield "/* What the host reads after a step. */"
    yield "typedef struct {"
    members = output_members(plan)
    yield from (f"  {member}" for member in members)
    if not members:
        yield "  int8_t nothing;"
    yield f"}} {prefix}_out;"
    yield ""
    yield "/* Everything that the next step hangs on. It holds no pointer: a copy of its bytes is a saved state. */"
    yield "typedef struct {"
    yield from (f"  {member}" for member in layout.heads)
    for name, found in layout.parts.items():
        yield "  struct {"
        yield from (f"    {member}" for member in found)
        yield f"  }} {layout.names[name]};"
    if any(layout.sums.values()):
        yield "  union { /* used within a step only */"
        for name, found in layout.sums.items():
            if found:
                yield f"    struct {{ {' '.join(map(str, found))} }} {layout.names[name]};"
        yield "  } sums;"
    yield f"}} {prefix}_state;"
    yield ""


def _counts(source: Source) -> Iterator[str]:
    keys = overflow_keys(source.plan)
    if not keys:
        yield "/* Every value is proven to fit its register under any input. */"
    else:
        yield "/* overflows[...]: values that did not fit their register. All others are proven to fit. */"
        names = identifiers([plain(key) for key in keys]) if len(set(map(plain, keys))) == len(keys) else None
        listed = [names[plain(key)] if names else f"{place}" for place, key in enumerate(keys)]
        yield "enum {"
        yield from (f"  {source.prefix}_overflow_{name}," for name in listed)
        yield f"  {source.prefix}_overflow_count"
        yield "};"
    yield ""


def _functions(source: Source) -> Iterator[str]:
    prefix = source.prefix
    yield "#ifdef __cplusplus"
    yield 'extern "C" {'
    yield "#endif"
    yield "/* Before step 0. */"
    yield f"void {prefix}_init({prefix}_state *s);"
    yield "/* One time step. */"
    yield f"int {prefix}_step({prefix}_state *s, const {prefix}_in *in, {prefix}_out *out);"
    yield "#ifdef __cplusplus"
    yield "}"
    yield "#endif"
    yield ""


def output_members(plan: ProgramPlan) -> list[Member]:
    """What the host reads after a step: one member an output."""
    names = identifiers([output.name for output in plan.program.outputs], KEYWORDS)
    members = []
    for output in plan.program.outputs:
        step = plan.steps[output.population]
        if output.register:
            declared = next(r for r in step.stored if r.name == output.register)
            held, extents = step.state_range(output.register), step.population.extent(declared.per)
        else:
            held, extents = step.message, (step.population.size,)
        members.append(Member(names[output.name], stored_bits(held), extents))
    return members


def support_for(body: str) -> list[str]:
    """The functions that the body needs, and those that they need: a compiler remarks on the others."""
    pieces = [piece.strip() for piece in SUPPORT.read_text(encoding="utf-8").split("\n\n")]
    found = {piece.partition("(int")[0].partition("(uint")[0].split()[-1]: piece for piece in _functions_of(pieces)}
    needed: set[str] = set()
    text = body
    while more := {name for name in found.keys() - needed if f"{name}(" in text}:
        needed |= more
        text += "".join(found[name] for name in more)
    return [f"{piece}\n" for name, piece in found.items() if name in needed]


def _functions_of(pieces: list[str]) -> list[str]:
    return [piece for piece in pieces if piece]


def _body(source: Source) -> Iterator[str]:
    plan, layout = source.plan, source.layout
    if layout.is_plain:
        yield "/* A compiler that lays the state out in another way stops here. */"
        yield f"typedef char state_has_stated_size[sizeof(@STATE@) == {source.prefix.upper()}_STATE_BYTES ? 1 : -1];"
        yield ""
    first = 0
    for step in plan.steps.values():
        for name, values, index in constants(layout, step):
            yield from constant(name, values, index=index)
        yield ""
        yield from step_function(layout, step, first)
        yield ""
        first += len(step.counts)
    yield from _init(source)
    yield from _step(source)


def _init(source: Source) -> Iterator[str]:
    plan, layout = source.plan, source.layout
    yield f"void {source.prefix}_init(@STATE@ *s) {{"
    yield "  memset(s, 0, sizeof *s);"
    for name, step in plan.steps.items():
        for register in step.stored:
            if value := initial_value(step.population, register):
                yield f"  for (int32_t i = 0; i < {step.population.size}; ++i) {{"
                yield f"    s->{layout.names[name]}.{layout.registers[name][register.name]}[i] = {value};"
                yield "  }"
    yield "}"
    yield ""


def _step(source: Source) -> Iterator[str]:
    plan, layout, prefix, names = source.plan, source.layout, source.prefix, source.input_names
    yield f"int {prefix}_step(@STATE@ *s, const {prefix}_in *in, {prefix}_out *out) {{"
    for entry in plan.program.inputs:
        low, high = limits(entry.bits)
        if stored_bits((low, high)) != entry.bits:
            value = f"in->{names[entry.name]}[k]"
            yield f"  for (int32_t k = 0; k < {entry.size}; ++k) {{"
            yield f"    if ({value} < {low} || {value} > {high}) {{"
            yield f"      return {prefix.upper()}_BAD_INPUT;"
            yield "    }"
            yield "  }"
    for place, slots in enumerate(layout.slots):
        yield f"  s->slot[{place}] = (uint8_t)(s->slot[{place}] + 1 < {slots} ? s->slot[{place}] + 1 : 0);"
    for entry in plan.program.inputs:
        own = layout.names[entry.name]
        sent = f"s->{own}.sent[{layout.slot(entry.name)}]"
        yield f"  memcpy({sent}, in->{names[entry.name]}, sizeof in->{names[entry.name]});"
    for name in plan.steps:
        yield f"  step_{layout.names[name]}(s);"
    for output, member in zip(plan.program.outputs, output_members(plan), strict=True):
        own = layout.names[output.population]
        held = (
            f"s->{own}.{layout.registers[output.population][output.register]}"
            if output.register
            else f"s->{own}.sent[{layout.slot(output.population)}]"
        )
        yield f"  memcpy(out->{member.name}, {held}, sizeof out->{member.name});"
    if not plan.program.outputs:
        yield "  out->nothing = 0;"
    stops = [place for place, trap in enumerate(traps(plan)) if trap]
    for place in stops:
        yield f"  if (s->overflows[{place}] > 0) {{"
        yield f"    return {prefix.upper()}_TRAPPED;"
        yield "  }"
    yield f"  return {prefix.upper()}_OK;"
    yield "}"
