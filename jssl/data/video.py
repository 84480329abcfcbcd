"""Clips in one ``.npz`` file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jssl.core.ranges import Inside, Ranged, Seed
from jssl.data.arrays import finish, labelled_sources
from jssl.data.clips import MovingShapes
from jssl.data.npz import read_npz
from jssl.data.source import Splits
from jssl.errors import UserError

_PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Clips(Ranged):
    """Clips of one length and size, decoded, in one ``.npz`` file.

    It holds ``train_video`` uint8 [N, T, H, W, C] (or [N, T, H, W]), ``train_label`` [N] (whole
    numbers or texts, optional), and the same for ``test`` and ``validation``, or ``video`` and
    ``label``, from which the three are carved; ``classes`` (texts) names the classes.

    Attributes:
      path: of the file.
      fraction: the part of train that is carved for a split that the file lacks.
      seed: of the carving.
    """

    path: str
    fraction: Inside = 0.1
    seed: Seed = 0

    def smoke(self) -> MovingShapes:
        """A few procedural clips in its place, for tests."""
        return MovingShapes().smoke()

    def load(self) -> Splits:
        """Reads the file.

        Returns:
          Splits with `video` uint8 [T, H, W, C] and, where there are labels, `label` int32.

        Raises:
          UserError: when the file is missing, or lacks an array, or one has another shape.
        """
        path = Path(self.path).expanduser()
        arrays = read_npz(path, "train_video=..., train_label=...")
        if "video" in arrays:
            arrays = {k if k == "classes" else f"train_{k}": v for k, v in arrays.items()}
        if "train_video" not in arrays:
            raise UserError(
                f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; it needs video "
                "uint8 [N, T, H, W, C] (and label [N]), or train_video, train_label, test_video, "
                "test_label"
            )
        parts = {p: _clips(arrays, p, path) for p in _PARTS if f"{p}_video" in arrays}
        try:
            sources, classes = labelled_sources(parts, arrays.get("classes"))
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        found = [sources.get(part) for part in _PARTS]
        return finish(*found, path.stem, classes, fraction=self.fraction, seed=self.seed)


def _clips(arrays: dict[str, np.ndarray], part: str, path: Path) -> dict[str, np.ndarray]:
    video, wanted = arrays[f"{part}_video"], arrays["train_video"].shape[1:]
    shaped = video.ndim == 4 or (video.ndim == 5 and video.shape[-1] in (1, 3))
    if video.dtype != np.uint8 or not shaped or 0 in video.shape or video.shape[1:] != wanted:
        raise UserError(
            f"{path} needs {part}_video uint8 [N, T, H, W, C] of 1 or 3 channels, in all splits "
            f"alike, not {video.dtype} {list(video.shape)}"
        )
    found = {"video": video[..., None] if video.ndim == 4 else video}
    if "train_label" not in arrays and f"{part}_label" in arrays:
        raise UserError(f"{path} has {part}_label and no train_label")
    if "train_label" in arrays:
        if f"{part}_label" not in arrays:
            raise UserError(f"{path} has train_label and no {part}_label")
        found["label"] = arrays[f"{part}_label"]
    return found
