"""Batches to train on, each found by its number alone, so that training can go on from anywhere."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from sqtvm.errors import DataError
from sqtvm.frontend.model import Samples


class Batches:
    """Every sample comes once before any comes again, in an order of the seed and the pass.

    held_out: how many samples, chosen by the seed, no batch has.
    """

    def __init__(
        self, data: Samples | Dataset[Any], batch_size: int, seed: int, held_out: int = 0
    ) -> None:
        total = len(data)  # type: ignore[arg-type]
        if total - held_out <= 0:
            source = data.source if isinstance(data, Samples) else "the data set"
            raise DataError(f"{source} has no samples to fine-tune on")
        self._data = data
        self._size = batch_size
        self._seed = seed
        mixed = np.random.default_rng(seed).permutation(total)
        self._held_out, self._training = mixed[:held_out], mixed[held_out:]

    @property
    def count(self) -> int:
        """Samples to train on."""
        return len(self._training)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor | None]:
        """x float32 [batch, *shape] and the labels, or None where there are none."""
        a_pass = -(-self.count // self._size)
        order = self._order(number // a_pass)
        start = number % a_pass * self._size
        return self._read(order[start : start + self._size])

    def held_out(self) -> tuple[Tensor, Tensor | None]:
        """All that was held out, as one batch."""
        return self._read(self._held_out)

    def _order(self, number: int) -> NDArray[np.int64]:
        return _shuffled(self._training.tobytes(), self._seed, number)

    def _read(self, chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor | None]:
        if isinstance(self._data, Samples):
            x = torch.from_numpy(np.ascontiguousarray(self._data.x[chosen], np.float32))
            labels = self._data.y
            return x, None if labels is None else torch.from_numpy(labels[chosen])
        pairs = [self._data[int(index)] for index in chosen]
        xs = torch.stack([torch.as_tensor(x, dtype=torch.float32) for x, _ in pairs])
        return xs, torch.stack([torch.as_tensor(y) for _, y in pairs])


@lru_cache(maxsize=4)
def _shuffled(indices: bytes, seed: int, number: int) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.random.default_rng((seed, number)).permutation(
        np.frombuffer(indices, np.int64)
    )
    return found
