"""Distortions of images that are given as sequences, a batch at a time, on the device where they are."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from models.tasks.task import Distortion


class Distorter:
    """Turns, stretches, shears, shifts and mirrors each image by its own random amount; outside the image is 0.

    Where an image may be turned over like a square, each gets one of the square's eight symmetries, pixel for pixel.

    Uses PyTorch's default generator of the device.
    """

    def __init__(self, limits: Distortion, strength: float, device: torch.device) -> None:
        """How far (times `strength`), and where the batches will be."""
        self.limits, self.strength = limits, strength
        self.order = torch.from_numpy(limits.order).to(device)
        self.place = torch.argsort(self.order)

    def __call__(self, batch: Tensor) -> Tensor:
        """Distort a batch (samples, side * side, 1) in the order of the limits, to the same shape and order."""
        side = self.limits.side
        images = batch[:, self.place, 0].view(-1, 1, side, side)
        if self.limits.square:
            images = self._turned_over(images)
        if self.limits.moves:
            grid = affine_grid(self._matrices(len(batch), batch), [len(batch), 1, side, side], align_corners=False)
            images = grid_sample(images, grid, padding_mode="zeros", align_corners=False)
        return images.flatten(1)[:, self.order, None]

    @staticmethod
    def _turned_over(images: Tensor) -> Tensor:
        """Each image (samples, 1, side, side) mirrored along either axis or not, with its axes exchanged or not."""
        chance = torch.rand(3, len(images), 1, 1, 1, device=images.device) < 0.5
        images = torch.where(chance[0], images.flip(-1), images)
        images = torch.where(chance[1], images.flip(-2), images)
        return torch.where(chance[2], images.mT, images)

    def _matrices(self, count: int, like: Tensor) -> Tensor:
        """Affine maps (count, 2, 3) from places in the result to places in the image, in units of half the side."""
        limits = self.limits
        chance = self.strength * (2 * torch.rand(7, count, device=like.device, dtype=like.dtype) - 1)
        turn, wide, high, shear, right, down, mirror = chance
        angle, shear = turn * math.radians(limits.degrees), shear * limits.shear
        cosine, sine = torch.cos(angle), torch.sin(angle)
        side = 1 - 2 * (mirror < 0).to(like.dtype) if limits.mirror else 1.0
        wide, high = side * (1 + wide * limits.stretch), 1 + high * limits.stretch
        reach = 2 * limits.pixels / limits.side
        first = torch.stack([cosine * wide, (shear * cosine - sine) * high, right * reach], dim=1)
        second = torch.stack([sine * wide, (shear * sine + cosine) * high, down * reach], dim=1)
        return torch.stack([first, second], dim=1)
