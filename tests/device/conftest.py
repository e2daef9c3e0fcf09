"""These tests need an NVIDIA GPU; elsewhere they are not collected, so that CI, which has none, need not skip them."""

from __future__ import annotations

import torch

collect_ignore_glob = [] if torch.cuda.is_available() else ["test_*.py"]
