"""The order of examples: a batch is a pure function of (seed, step), so a run resumes exactly.

Only raw Philox words and a stable sort are used, which NumPy keeps bit-identical between versions;
``Generator.permutation`` has no such guarantee.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np

from jssl.errors import UserError

_MASK = (1 << 64) - 1


def random_words(seed: int, purpose: str, count: int, *, start: int = 0) -> np.ndarray:
    """Random 64-bit words of a named stream (Philox 4x64; Salmon et al., 2011).

    Args:
      seed: any integer; taken modulo 2**64.
      purpose: names the stream: two purposes never share words.
      count: number of words.
      start: the first word, a multiple of 4 (Philox makes four words a counter step), so a part of
        a stream can be computed without the words before it.

    Returns:
      uint64 [count].
    """
    key = np.array([seed & _MASK, zlib.crc32(purpose.encode())], dtype=np.uint64)
    return np.random.Philox(key=key).advance(start // 4).random_raw(count)


def steps_per_epoch(length: int, batch_size: int) -> int:
    """Whole batches in one pass; the remainder is dropped.

    Args:
      length: number of examples.
      batch_size: global batch size.

    Returns:
      length // batch_size, at least 1.

    Raises:
      UserError: when the batch is not positive or larger than the data.
    """
    if batch_size < 1:
        raise UserError(f"the batch size must be at least 1, not {batch_size}")
    if batch_size > length:
        raise UserError(
            f"a batch of {batch_size} is larger than the data, which has {length} examples; "
            f"choose a batch size of at most {length}"
        )
    return length // batch_size


@functools.lru_cache(maxsize=4)
def epoch_order(seed: int, epoch: int, length: int) -> np.ndarray:
    """The permutation of one epoch.

    Args:
      seed: of the run.
      epoch: from 0.
      length: number of examples.

    Returns:
      int64 [length], a permutation of range(length), read-only (it is cached).
    """
    order = np.argsort(random_words(seed, f"epoch {epoch}", length), kind="stable")
    order.setflags(write=False)
    return order


def batch_indices(seed: int, step: int, length: int, batch_size: int) -> np.ndarray:
    """Which examples the global batch of a step holds.

    Args:
      seed: of the run.
      step: from 0, counted over the whole run.
      length: number of examples.
      batch_size: global batch size.

    Returns:
      int64 [batch_size], without duplicates inside an epoch.

    Raises:
      UserError: when the batch is larger than the data.
    """
    epoch, position = divmod(step, steps_per_epoch(length, batch_size))
    return epoch_order(seed, epoch, length)[position * batch_size : (position + 1) * batch_size]


def window_indices(seed: int, start: int, count: int, length: int, batch_size: int) -> np.ndarray:
    """The batches of ``count`` consecutive steps, for one compiled scan over device-resident data.

    Args:
      seed: of the run.
      start: the first step.
      count: number of steps.
      length: number of examples.
      batch_size: global batch size.

    Returns:
      int32 [count, batch_size].
    """
    rows = [batch_indices(seed, start + k, length, batch_size) for k in range(count)]
    return np.stack(rows).astype(np.int32)
