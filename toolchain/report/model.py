"""`report.json`: its fields and their units.

Counts and energies are of the whole test set unless the name says per inference or per step. Every estimate stands
beside its band: ``x_j`` beside ``x_band_j``, (low, high).
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from toolchain.report.evidence import (
    Agreement,
    AssumedRow,
    Decisions,
    Fidelity,
    FindingRow,
    QuantizationRow,
    RegisterRange,
)

Band = tuple[float, float]
Share = float
"""A number from 0 to 1."""
Bits = float


class Part(BaseModel):
    """A part of the report; frozen, no unknown fields, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AccuracyPart(Part):
    """Shares of correct decisions; None where a rung was not run or has no labels.

    `float` is the trained network in floating point: run by PyTorch where that is installed, otherwise its NIR form
    interpreted in float64. `float_source` says which. `bits_per_symbol` holds what networks that predict at every step
    are measured by; `notes` what ran, where it is not the whole test set. Where a program has several outputs, all this
    is of the first labelled one, `output`; `outputs` holds the right decisions of every labelled one by rung.
    """

    float: Share | None
    float_source: str | None = None
    integer: Share | None
    nir: Share | None = None
    lava: Share | None = None
    other: dict[str, Share] = {}
    correct: dict[str, int]
    samples: dict[str, int]
    bits_per_symbol: dict[str, Bits] = {}
    notes: dict[str, str] = {}
    output: str = ""
    outputs: dict[str, dict[str, int]] = {}


class EquivalencePart(Part):
    """All comparisons together, then each: `samples` and `steps` are the least of them."""

    simulators: tuple[str, ...]
    samples: int
    steps: int
    values_compared: int
    mismatches: int
    first_divergence: str
    comparisons: tuple[Agreement, ...]


class LayerActivity(Part):
    """Messages of one input or population; the rate is messages a neuron and step, None for what has no neurons."""

    sends: str
    messages: int
    rate: float | None


class ActivityPart(Part):
    """Spikes a neuron and step, over all spiking populations and by layer."""

    spike_rate: float
    spikes: int
    payloads: int
    layers: dict[str, LayerActivity]


class SynopsPart(Part):
    """Synaptic operations of the whole test set in both definitions; `per_step` is non-zero ones a sample and step."""

    nonzero: int
    dense: int
    per_step: float
    per_inference: float
    per_inference_dense: float
    per_inference_range: tuple[int, int]
    ac: int
    mac: int
    neuron_updates: int
    mode_updates: int
    state_words_read: int
    state_words_written: int
    multiplications: int
    layers: dict[str, dict[str, int]]


class NeuroBenchPart(Part):
    """A row of NeuroBench 2.3: bytes and parameters of the program's int8 weights (convolutions unrolled) and
    coefficients, shares of zeros, and operations a sample; see `toolchain/report/neurobench.py`."""

    footprint_bytes: int
    parameters: int
    connection_sparsity: float
    activation_sparsity: float
    effective_macs: float
    effective_acs: float
    dense: float


class EnergyPart(Part):
    """Joules by one table; None for what the table does not model.

    Dynamic energy is that of the operations (`counted`) and of the base power of running chips; layers share the
    former alone.
    """

    table: str
    title: str
    kind: str
    nominal_j: float
    low_j: float
    high_j: float
    dynamic_j: float
    dynamic_band_j: Band
    counted_j: float
    counted_band_j: Band
    base_j: float | None
    base_band_j: Band | None
    static_j: float | None
    static_band_j: Band | None
    per_inference_j: float
    per_inference_band_j: Band
    per_step_j: float
    per_step_band_j: Band
    dynamic_per_inference_j: float
    dynamic_per_inference_band_j: Band
    layers_dynamic_per_inference_j: dict[str, tuple[float, float, float]]
    input_output: str = "not modelled"
    not_modelled: tuple[str, ...]


class LatencyPart(Part):
    """Seconds by one table, and which bound holds; None where the table has no times.

    `per_step_s` is of a mean step of the test set. The percentiles are of single steps, and of whole sequences, of the
    recorded samples: (nominal, low, high); `steps_by_bound` says in how many of these steps each bound is the greatest.
    """

    table: str
    per_step_s: float | None
    per_step_band_s: Band | None
    per_inference_s: float | None
    per_inference_band_s: Band | None
    bound: str
    bound_low: str
    bound_high: str
    recorded_samples: int = 0
    step_percentiles_s: dict[str, tuple[float, float, float]] = {}
    sequence_percentiles_s: dict[str, tuple[float, float, float]] = {}
    steps_by_bound: dict[str, int] = {}


class FullestCore(Part):
    """The core that is closest to a limit."""

    core: int
    resource: str
    used: int
    limit: int
    fraction: float


class MappingPart(Part):
    """Cores and chips on the target; core messages of the test set that cross from one chip to another."""

    target: str
    system: str = ""
    cores: int
    chips: int
    chip_crossings: int = 0
    fullest_core: FullestCore
    limiting_resource: str


class Report(Part):
    """The content of report.json."""

    format: int = 1
    model: str
    task: str
    program: str
    samples: int
    steps: int | float
    accuracy: AccuracyPart
    equivalence: EquivalencePart
    fidelity: Fidelity | None = None
    decisions: Decisions | None = None
    assumed: tuple[AssumedRow, ...] = ()
    activity: ActivityPart
    synops: SynopsPart
    neurobench: NeuroBenchPart | None = None
    energy: EnergyPart
    latency: LatencyPart
    other_tables: tuple[EnergyPart, ...]
    mapping: MappingPart
    ranges: tuple[RegisterRange, ...]
    findings: tuple[FindingRow, ...]
    quantization: tuple[QuantizationRow, ...]
    versions: dict[str, str]
    command: str
