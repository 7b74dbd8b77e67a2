"""Arrays of numpy where tensors are expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


def as_tensors(values: Sequence[Any]) -> list[Any]:
    """Arrays of numpy as tensors of their numbers; anything else as it is, to be taken or refused by name."""
    return [torch.from_numpy(np.array(value)) if _is_floating(value) else value for value in values]


def _is_floating(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.name in ("float64", "float32")
