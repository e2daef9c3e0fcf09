"""The configuration of a training run."""

from __future__ import annotations

from dataclasses import dataclass

from models.network.config import Config, within


@dataclass(frozen=True)
class TrainConfig(Config):
    """How to train.

    Attributes:
        seed: of the initial weights, the order of the samples, the augmentation and the dropout.
        epochs: passes over the training part.
        batch_size: sequences a step of the optimizer.
        accumulate: pieces that a batch is worked on in, one after the other, where it does not fit at once; the
            gradients are summed. Norms take each piece's own statistics.
        learning_rate: peak of the one-cycle schedule.
        ssm_learning_rate: the same for dt and A, which get no weight decay either.
        weight_decay: AdamW's, on the weight matrices and C.
        rate_penalty: weight of the spike rate (mean over blocks) in the loss.
        clip_norm: largest norm of the gradient.
        label_smoothing: of the cross-entropy.
        augment: how far the task distorts its training samples, as a multiple of what is usual for it; 0 for none.
        ema: decay a step of a moving average of the weights, which is then what is measured and chosen; 0 for none.
        refit: 1 trains on the training and the validation part together and keeps the last weights: for settings and
            a number of epochs that an earlier run has chosen.
        large: 1 trains on the task's larger training part, where it has one; validation and test stay as they are.
        half: 1 rounds the matrices and C of the chosen weights to half precision before they are measured, and stores
            them so: half the size, and a rounding far below that to 8 bits.
    """

    seed: int = within(0, 0, 2**31 - 1)
    epochs: int = within(60, 1, 100_000)
    batch_size: int = within(64, 1, 65536)
    accumulate: int = within(1, 1, 65536)
    learning_rate: float = within(1e-2, 0.0, 1.0)
    ssm_learning_rate: float = within(1e-3, 0.0, 1.0)
    weight_decay: float = within(1e-2, 0.0, 1.0)
    rate_penalty: float = within(0.1, 0.0, 100.0)
    clip_norm: float = within(1.0, 1e-6, 1e6)
    label_smoothing: float = within(0.0, 0.0, 0.5)
    augment: float = within(1, 0, 10)
    ema: float = within(0.0, 0.0, 0.999999)
    refit: int = within(0, 0, 1)
    large: int = within(0, 0, 1)
    half: int = within(0, 0, 1)
