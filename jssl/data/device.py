"""Data sets that fit are kept on the device, where a batch is a gather in the compiled step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from jssl.data.source import ArraySource, Batch, Source, SubsetSource, read_all
from jssl.errors import UserError

LIMIT_BYTES = 2 << 30


def source_bytes(source: Source) -> int:
    """Size of a decoded source, from its first example.

    Args:
      source: any source.

    Returns:
      Bytes.

    Raises:
      UserError: when the source is empty.
    """
    if len(source) == 0:
        raise UserError("this split of the data set is empty")
    return len(source) * sum(np.asarray(value).nbytes for value in source[0].values())


def fits(source: Source, limit_bytes: int = LIMIT_BYTES) -> bool:
    """Whether a source fits on the device.

    Args:
      source: any source.
      limit_bytes: maximum size of the data on each device.

    Returns:
      True when the decoded source takes at most ``limit_bytes``.
    """
    return source_bytes(source) <= limit_bytes


@dataclass(frozen=True, eq=False)
class DeviceData:
    """A whole split as arrays, ready to be placed on the device.

    Attributes:
      arrays: key -> uint8, int32 or float32 [N, ...], NumPy; the trainer places them.
    """

    arrays: Batch

    @classmethod
    def load(cls, source: Source, limit_bytes: int = LIMIT_BYTES) -> DeviceData:
        """Decodes a whole source.

        Args:
          source: any source.
          limit_bytes: its maximum size.

        Returns:
          The arrays.

        Raises:
          UserError: when the source is larger; stream it instead.
        """
        size = source_bytes(source)
        if size > limit_bytes:
            raise UserError(
                f"the data takes {size} bytes decoded and the device's share is {limit_bytes}; "
                "stream it, or raise the limit"
            )
        if isinstance(source, SubsetSource) and isinstance(source.source, ArraySource):
            return cls(source[np.arange(len(source))])
        return cls(read_all(source))

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))


def gather(arrays: Mapping[str, jax.Array], indices: jax.Array) -> dict[str, jax.Array]:
    """The batch of the given examples; safe under jit, scan and sharding of ``indices``.

    Args:
      arrays: key -> [N, ...], on the device.
      indices: integers [B], each in [0, N): bounds are not checked.

    Returns:
      key -> [B, ...], with ``index`` int32 [B].
    """
    rows = {key: value.at[indices].get(mode="promise_in_bounds") for key, value in arrays.items()}
    return {**rows, "index": indices.astype(jnp.int32)}
