"""What a GRU and a transformer of a spiking network's size reach on its text: bits a character, beside `zoo:sotu`.

    python -m benchmarks.characters gru:90 transformer:90 [--json FILE]

They are trained side by side, since a GRU leaves most of a GPU idle, each for so many seconds, on the windows that the
spiking network is trained on, with as many numbers (3.37 million, to 1 %) and the same loss. The learning rate goes
through one cycle by the time that has passed, the epoch is chosen on the validation part, and the test part is measured
once. Windows of 1024 characters begin without a past for all three. The transformer is pre-norm with sine positions
(Vaswani et al., 2017), the GRU has two layers over an embedding; on a GPU both compute in bfloat16.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.tasks import Part, Task, load_task
from models.training.optimizer import one_cycle

SEED = 0
CLIP_NORM = 1.0
BETAS = 0.9, 0.98


class Gru(nn.Module):
    """Embedding, two layers, readout."""

    def __init__(self, symbols: int, width: int = 560, embedding: int = 256, dropout: float = 0.2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding)
        self.layers = nn.GRU(embedding, width, num_layers=2, batch_first=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(width, symbols)

    def forward(self, symbols: Tensor) -> Tensor:
        """Logits (batch, steps, symbols) of the next symbol, from symbols (batch, steps)."""
        found, _ = self.layers(self.dropout(self.embedding(symbols)))
        logits: Tensor = self.readout(self.dropout(found))
        return logits


class Layer(nn.Module):
    """Causal attention and two matrices around a GELU, each after a norm and added to the stream."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.mixed, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width), nn.Dropout(dropout))

    def forward(self, stream: Tensor) -> Tensor:
        """(batch, steps, width) to the same."""
        batch, steps, width = stream.shape
        parts = self.mixed(self.norms[0](stream)).view(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        chance = self.dropout if self.training else 0.0
        query, key, value = parts.unbind(0)
        seen = nn.functional.scaled_dot_product_attention(query, key, value, dropout_p=chance, is_causal=True)
        stream = stream + self.joined(seen.transpose(1, 2).reshape(batch, steps, width))
        after: Tensor = stream + self.dense(self.norms[1](stream))
        return after


class Transformer(nn.Module):
    """Embedding with sine positions, layers, norm, readout."""

    def __init__(
        self,
        symbols: int,
        width: int = 256,
        layers: int = 4,
        heads: int = 4,
        hidden: int = 1104,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.width = width
        self.embedding, self.dropout = nn.Embedding(symbols, width), nn.Dropout(dropout)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.layers = nn.Sequential(*(Layer(width, heads, hidden, dropout) for _ in range(layers)))
        self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, symbols)

    def forward(self, symbols: Tensor) -> Tensor:
        """Logits (batch, steps, symbols) of the next symbol, from symbols (batch, steps)."""
        stream = self.embedding(symbols) * math.sqrt(self.width) + self._positions(symbols.shape[1], symbols.device)
        logits: Tensor = self.readout(self.norm(self.layers(self.dropout(stream))))
        return logits

    def _positions(self, steps: int, device: torch.device) -> Tensor:
        half = torch.arange(self.width // 2, device=device) / (self.width // 2)
        angle = torch.arange(steps, device=device)[:, None] * torch.pow(1e-4, half)
        return torch.cat([angle.sin(), angle.cos()], dim=1)


@dataclass(frozen=True)
class Kind:
    """How a model is made and trained: its peak learning rate, weight decay and windows a step.

    A GRU's step takes as long for 128 windows as for 64: it waits for one character after the other.
    """

    make: Callable[[int], nn.Module]
    learning_rate: float
    weight_decay: float
    batch: int


KINDS = {"gru": Kind(Gru, 3e-3, 0.01, 128), "transformer": Kind(Transformer, 1.5e-3, 0.1, 32)}


@dataclass(frozen=True)
class Outcome:
    """Of one model: its numbers, time, epochs done, the chosen one, and bits a character."""

    kind: str
    parameters: int
    seconds: float
    epochs: int
    best_epoch: int
    train_bits: float
    validation_bits: float
    test_bits: float
    device: str


def train(name: str, model: nn.Module, task: Task, seconds: float, device: str) -> Outcome:
    """Train one model for a time.

    Args:
        name: key of `KINDS`.
        model: new.
        task: one decision a step, of the next symbol.
        seconds: after which no further epoch begins; at least one is done.
        device: ``cpu`` or ``cuda``.
    """
    kind, rng = KINDS[name], np.random.default_rng(SEED)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=kind.weight_decay, betas=BETAS)
    began, epoch, best = time.perf_counter(), 0, (math.inf, 0, math.inf)
    chosen = copy.deepcopy(model.state_dict())
    while epoch == 0 or time.perf_counter() - began < seconds:
        trained = _epoch(model, optimizer, task.train, kind, rng.permutation(len(task.train)), (began, seconds))
        epoch += 1
        found, now = bits(model, task.validation, kind.batch), time.perf_counter() - began
        print(f"{name} epoch {epoch} {now:.1f} s train {trained:.4f} validation {found:.4f}", flush=True)
        if found < best[0]:
            best, chosen = (found, epoch, trained), copy.deepcopy(model.state_dict())
    took = time.perf_counter() - began
    model.load_state_dict(chosen)
    test = bits(model, task.test, kind.batch)
    where = torch.cuda.get_device_name() if device == "cuda" else device
    return Outcome(name, _size(model), took, epoch, best[1], best[2], best[0], test, where)


def _epoch(
    model: nn.Module,
    optimizer: torch.optim.AdamW,
    part: Part,
    kind: Kind,
    order: NDArray[np.int64],
    clock: tuple[float, float],
) -> float:
    """One pass; the clock says when training began and how many seconds it has. Returns bits a character."""
    model.train()
    total = torch.zeros((), device=next(model.parameters()).device)
    for inputs, labels in _batches(model, part, order, kind.batch):
        factor = one_cycle(min(1.0, (time.perf_counter() - clock[0]) / clock[1]))
        for group in optimizer.param_groups:
            group["lr"] = kind.learning_rate * factor
        loss = _loss(model, inputs, labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        total += loss.detach() * len(inputs)
        # A GPU takes work faster than it does it, and the cycle goes by the time.
        if total.is_cuda:
            torch.cuda.current_stream().synchronize()
    return float(total) / len(order) / math.log(2)


def _size(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


@torch.no_grad()
def bits(model: nn.Module, part: Part, batch: int) -> float:
    """Mean of -log2 p of all labels of a part, without dropout."""
    model.eval()
    parts = _batches(model, part, np.arange(len(part)), batch)
    total = sum(float(_loss(model, inputs, labels)) * len(inputs) for inputs, labels in parts)
    return total / len(part) / math.log(2)


def _loss(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of a batch, nats."""
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=inputs.is_cuda):
        logits = model(inputs)
    return nn.functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten())


def _batches(model: nn.Module, part: Part, order: NDArray[np.int64], size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Symbols and labels, both (batch, steps) int64, where the model is."""
    device = next(model.parameters()).device
    for start in range(0, len(order), size):
        places = order[start : start + size]
        inputs, labels = (torch.from_numpy(values[places]).to(device) for values in (part.inputs, part.labels))
        yield inputs.long(), labels


def side_by_side(wanted: dict[str, float], task: Task, device: str) -> list[Outcome]:
    """Train several, each in a thread, and on a GPU in a stream of its own; on a processor one after the other."""
    torch.manual_seed(SEED)
    models = {name: KINDS[name].make(task.classes).to(device) for name in wanted}

    def one(name: str) -> Outcome:
        if device != "cuda":
            return train(name, models[name], task, wanted[name], device)
        torch.cuda.synchronize()
        with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
            return train(name, models[name], task, wanted[name], device)

    with ThreadPoolExecutor(len(models) if device == "cuda" else 1) as pool:
        return list(pool.map(one, wanted))


def main() -> None:
    """Train what was named; print and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="KIND:SECONDS")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    wanted = {name: float(seconds) for name, _, seconds in (text.partition(":") for text in options.models)}
    if unknown := sorted(wanted.keys() - KINDS.keys()):
        parser.error(f"there is no {unknown[0]!r}: choose from {sorted(KINDS)}")
    found = [asdict(outcome) for outcome in side_by_side(wanted, load_task("sotu"), options.device)]
    text = json.dumps(found, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
