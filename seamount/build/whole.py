"""The whole test set on one simulator: encoded, run, and read at each sample's own last step or at every step.

Counts of messages and the outputs' last values of all samples are kept, the counts up to each sample's own end: padding
is no part of an inference. What is recorded at every step is read a part of the samples at a time and let go, so that
memory does not grow with the test set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from seamount.build.job import Entered, Placed
from seamount.build.score import Score, score_classes, score_steps
from seamount.samples import Samples
from seamount.shards import Recording, Shards, simulate_in_shards
from toolchain.frontend.graph import FloatArray
from toolchain.host.decode import at_last_step, decide, final_numbers, needs_steps, output_probe, step_numbers
from toolchain.host.encode import encode_all
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace, count_to_ends, join_traces

PART_WORDS = 1 << 24
"""Words of input, of what is recorded at every step and of states that are held at once: 128 MiB of each."""


@dataclass(frozen=True, eq=False)
class Whole:
    """A run of the test set.

    Attributes:
        trace: counts of messages, the outputs' last values, overflows.
        score: against the labels; None without labels.
        scores: the same of every labelled output, by the program's name ("" for the first).
        entered: what became of each input.
        outputs: what the host reads of the labelled (else the first) output at each sample's own last step, in the
            float network's units, (sample, neuron).
    """

    trace: Trace
    score: Score | None
    scores: Mapping[str, Score]
    entered: Mapping[str, Entered]
    outputs: FloatArray


def run_whole(network: Placed, test: Samples, simulator: str, shards: Shards, tell: Callable[[str], None]) -> Whole:
    """Run all samples.

    Args:
        network: with its program.
        test: what to run.
        simulator: its name.
        shards: where samples are simulated.
        tell: is called with a line for each shard.

    Raises:
        ToolchainError: as the simulator; an input beyond its range where the program refuses that.
    """
    program = network.program
    stepwise = is_read_stepwise(program, test)
    # A network's last states may take gigabytes, of which the host reads a few words.
    read = [f"{output.population}.{output.register}" for output in program.outputs]
    traces, scores, outputs = list[Trace](), dict[str, Score](), list[FloatArray]()
    entered = {source.name: Entered() for source in program.inputs}
    for number, rows in enumerate(_parts(program, test, stepwise)):
        part = test.chosen(rows)
        encoded = encode_all(program, part.values())
        entered = {name: before.plus(encoded[name]) for name, before in entered.items()}
        recording = Recording(outputs=stepwise, messages=part.lengths is not None)
        inputs = {name: _without_padding(one.payload, part.lengths) for name, one in encoded.items()}
        trace = simulate_in_shards(program, inputs, simulator, recording, _own_folder(shards, number), tell)
        for head in part.by_output():
            if head.y is not None:
                found = score_trace(program, trace, head)
                scores[head.output] = scores[head.output] + found if head.output in scores else found
        outputs.append(last_outputs(program, trace, part))
        if part.lengths is not None:
            trace = count_to_ends(trace, part.lengths + program.latency_steps)
        kept = {key: trace.final[key] for key in read if key in trace.final}
        reach = {name: int(np.abs(one.payload).max(initial=0)) for name, one in encoded.items()}
        traces.append(replace(trace, messages={}, registers={}, final=kept, reach=reach))
    return Whole(join_traces(traces), scores.get(test.output), scores, entered, np.concatenate(outputs))


def _without_padding(payload: IntArray, lengths: IntArray | None) -> IntArray:
    """Input (sample, step, channel) that sends nothing after each sample's own last step."""
    if lengths is None:
        return payload
    inside = np.arange(payload.shape[1]) < lengths[:, None]
    return np.where(inside[:, :, None], payload, 0)


def is_read_stepwise(program: Program, samples: Samples) -> bool:
    """Whether decisions need more than counts and last values."""
    read = {program.output(part.output).name: part for part in samples.by_output()} if program.outputs else {}
    stepwise = any(part.per_step for part in read.values()) or samples.lengths is not None
    return stepwise or any(needs_steps(program, program.output(name)) for name in read)


def score_trace(program: Program, trace: Trace, samples: Samples) -> Score:
    """What a program's trace says against the labels."""
    output = program.output(samples.output)
    if not is_read_stepwise(program, samples):
        return score_classes(decide(program, trace, output), samples)
    return score_steps(step_numbers(program, trace, output), samples)


def last_outputs(program: Program, trace: Trace, samples: Samples) -> FloatArray:
    """What the host reads at each sample's own last step, in the float network's units, (sample, neuron)."""
    output = program.output(samples.output)
    if is_read_stepwise(program, samples):
        return at_last_step(step_numbers(program, trace, output), samples.lengths)
    return final_numbers(program, trace, output)


def _parts(program: Program, test: Samples, stepwise: bool) -> Iterator[slice]:
    """So many samples that what is held at once fits `PART_WORDS`."""
    width = test.channels if test.symbolic else int(np.prod(test.x.shape[2:]))
    recorded = 0
    if stepwise:
        probes = [output_probe(program, output) for output in program.outputs]
        sizes, all_messages = program.sizes(), test.lengths is not None or None in probes
        recorded = sum(sizes.values()) if all_messages else sum(sizes[p.population] for p in probes if p is not None)
    stored = sum(int(np.prod(p.extent(r.per))) for p in program.populations for r in p.type.stored)
    together = max(1, PART_WORDS // max(test.steps * max(width, recorded), stored, 1))
    return (slice(start, start + together) for start in range(0, len(test), together))


def _own_folder(shards: Shards, number: int) -> Shards:
    """Each part keeps its shards apart; a run of one part has the folder itself."""
    if shards.resume is None or not number:
        return shards
    return replace(shards, resume=shards.resume / f"part_{number}")
