"""Evidence in the shape of the digits network: a random program, really run, with made-up accuracies and findings."""

from __future__ import annotations

from simulators.compare import compare
from simulators.reference import simulate
from tests.toolchain.report.digits_like import digits_inputs, digits_like
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace
from toolchain.mapping import load_target, place
from toolchain.report import Accuracy, Agreement, Evidence, FindingRow, QuantizationRow
from toolchain.report.evidence import PolePoint, Rung

COMMAND = "seamount deploy zoo:digits --out build/digits"
FINDINGS = (
    FindingRow(
        stage="read",
        where="block0.soma",
        what="v_reset absent",
        action="set to 0, the default of NIR 1.0",
        severity="repair",
    ),
    FindingRow(
        stage="quantize",
        where="block1.mix",
        what="3 of 4096 weights rounded to 0",
        action="kept as stored zeros <0.5 steps & smaller>",
        severity="loss",
    ),
)
QUANTIZATION = (
    QuantizationRow(where="block0", quantity="A-bar", bits=16, scale="2^-15", error="pole error 1.9e-5"),
    QuantizationRow(where="block0->block1", quantity="weights", bits=8, scale="2^-7", error="SQNR 41.2 dB"),
)
POLES = tuple(
    PolePoint(block, time_constant, 0.01 / time_constant, 0.002, rest)
    for block in ("block0", "block1")
    for time_constant, rest in ((0.5, 0), (3.0, 1), (40.0, 12), (900.0, 430))
)


def recorded_trace(program: Program) -> Trace:
    """One sample with everything recorded."""
    return simulate(program, digits_inputs(1), probes=program.all_probes(), strict=False)


def fake_evidence(size: int = 64, target: str = "loihi2") -> Evidence:
    program = digits_like(size)
    hardware = load_target(target)
    recorded = recorded_trace(program)
    found = compare(program, recorded, recorded)
    agreement = Agreement(
        simulators=("reference", "lava"),
        samples=found.samples,
        steps=found.steps,
        values_compared=dict(found.values_compared),
        mismatches=found.mismatches,
    )
    rungs: dict[Rung, int] = {"float": 352, "nir": 352, "integer": 349, "lava": 349}
    return Evidence(
        model="digits",
        task="digits, one pixel a step",
        program=program,
        placement=place(program, hardware),
        target=hardware,
        test=simulate(program, digits_inputs(6, seed=4), record_messages=False, strict=False),
        recorded=recorded,
        accuracies=tuple(Accuracy(rung=rung, correct=correct, samples=360) for rung, correct in rungs.items()),
        agreements=(agreement,),
        findings=FINDINGS,
        quantization=QUANTIZATION,
        poles=POLES,
        versions={"seamount": "0.1.0", "numpy": "2.3.0", "nir": "1.0.8"},
        command=COMMAND,
    )
