"""The C function that runs an exported network over samples and records what the trace needs."""

from __future__ import annotations

from collections.abc import Iterator

from exporters.c import Source
from exporters.scalar.about import overflow_keys
from simulators.recorded import ExportedRun, Part

FUNCTION = "seamount_run"

_TEXT = """#include "{prefix}.h"
#include <string.h>

static {prefix}_state state;

/* Inputs are (sample, step, channel) 32-bit integers; a record a step and one a sample are written. Returns the first
   step in which something did not fit where that is not allowed, or -1. */
int64_t {function}(int64_t samples, int64_t steps, const int32_t *inputs, unsigned char *records,
                   unsigned char *finals, int strict) {{
  {prefix}_state *const s = &state;
  int64_t stopped = steps;
  for (int64_t sample = 0; sample < samples; ++sample) {{
    {prefix}_in in;
    {prefix}_out out;
    {prefix}_init(s);
    for (int64_t t = 0; t < stopped; ++t) {{
      const int32_t *given = inputs + (sample * steps + t) * {channels};
      unsigned char *at = records + (sample * steps + t) * {record_bytes};
      int fits;
{enter}
      fits = {prefix}_step(s, &in, &out) == {upper}_OK;
{strict}
      if (!fits) {{
        stopped = t;
      }}
{record}
      (void)at;
    }}
    {{
      unsigned char *at = finals + sample * {final_bytes};
{finals}
      (void)at;
    }}
  }}
  return stopped < steps ? stopped : -1;
}}
"""


def driver(source: Source, job: ExportedRun) -> str:
    """The text of the function, for one network and what is recorded of it."""
    program, counts = source.plan.program, len(overflow_keys(source.plan))
    strict = [f"      fits = fits && !(strict && s->overflows[{place}] > 0);" for place in range(counts)]
    return _TEXT.format(
        function=FUNCTION,
        prefix=source.prefix,
        upper=source.prefix.upper(),
        channels=sum(entry.size for entry in program.inputs),
        record_bytes=job.records().itemsize,
        final_bytes=job.ends().itemsize,
        enter="\n".join(_enter(source)),
        strict="\n".join(strict) or "      (void)strict;",
        record="\n".join(_copies(source, (*job.messages, *job.registers), "      ")),
        finals="\n".join([*_copies(source, job.finals, "      "), *_counts(counts)]),
    )


def _enter(source: Source) -> Iterator[str]:
    at = 0
    for entry in source.plan.program.inputs:
        name = source.input_names[entry.name]
        yield f"      for (int32_t k = 0; k < {entry.size}; ++k) {{"
        yield f"        in.{name}[k] = ({source.input_type(entry)})given[{at} + k];"
        yield "      }"
        at += entry.size


def _copies(source: Source, parts: tuple[Part, ...], indent: str) -> Iterator[str]:
    layout = source.layout
    for part in parts:
        own = layout.names[part.owner]
        held = (
            f"s->{own}.{layout.registers[part.owner][part.register]}"
            if part.register
            else f"s->{own}.sent[{layout.slot(part.owner)}]"
        )
        yield f"{indent}memcpy(at, {held}, sizeof {held});"
        yield f"{indent}at += sizeof {held};"


def _counts(counts: int) -> Iterator[str]:
    for place in range(counts):
        yield "      {"
        yield f"        const double count = s->overflows[{place}];"
        yield "        memcpy(at, &count, sizeof count);"
        yield "        at += sizeof count;"
        yield "      }"
