"""Images in a `.npz` or `.npy` file, of any number of channels, depth and size."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jssl.core.ranges import Count, Interval, Naturals, Ranged
from jssl.data.arrays import Arrays, noise_images
from jssl.data.bands import fit, pick, rescale
from jssl.data.checks import finite
from jssl.data.class_labels import class_names
from jssl.data.file_table import read_column
from jssl.data.npz import read_npy, read_npz
from jssl.data.source import ArraySource, Splits
from jssl.data.splitting import PARTS, SplitRule
from jssl.data.targets import Targets, read_targets
from jssl.errors import UserError

IMAGE_NAMES = ("image", "images", "x", "data", "arr_0", "volume", "volumes", "video")
LABEL_NAMES = ("label", "labels", "y", "target", "targets", "arr_1")
GROUP_NAMES = ("group", "groups")
_PARTS = {"train": "train", "test": "test", "validation": "validation", "val": "validation"}
_MOST_CHANNELS = 64


class Read(NamedTuple):
    """What a file holds.

    Attributes:
      image: [N, H, W, C] of its own type, all splits one after the other.
      targets: "label" int32 [N] or "tags" uint8 [N, K], or neither.
      classes: names of the classes.
      tags: names of the labels, where an image may have several.
      parts: split -> positions; drawn or as in the file.
      moved: whether the channels stood before height and width.
    """

    image: np.ndarray
    targets: dict[str, np.ndarray]
    classes: tuple[str, ...]
    tags: tuple[str, ...]
    parts: dict[str, np.ndarray]
    moved: bool


@dataclass(frozen=True)
class ImageArrays(Ranged):
    """Images [N, H, W], [N, H, W, C] or [N, C, H, W] of a file, in memory.

    A `.npy` file is the images. A `.npz` file has `image` (or `images`, `x`, `data`), optionally
    `label` (`labels`, `y`, `target`; [N], or 0 and 1 of several labels [N, K]), `group` and
    `classes`, or the first two by split:
    `train_image`, `x_train`, `test_label`, ... Images of 8 bits are uint8; others become float32 in
    [0, 1] by `limits`.

    Attributes:
      path: of the file.
      size: height and width: the shorter side is resized, then the centre is cropped.
      limits: (low, high) of each channel, which become 0 and 1; () for 8 bits.
      label: a CSV file is no choice here: None takes the file's labels, "none" leaves them out.
      group: "group" takes the array of that name; None for none.
      split: how missing splits are drawn.
      bands: of the channels, from 1, those that are kept, in this order; () for all.
      channels: 1, 3 or 4 to read images of 8 bits as grey, RGB or RGBA; None keeps theirs.
    """

    path: str
    size: Count = 32
    limits: tuple[Interval, ...] = ()
    label: str | None = None
    group: str | None = None
    split: SplitRule = field(default_factory=SplitRule)
    bands: Naturals = field(default=(), metadata={"later": True})
    channels: Count | None = field(default=None, metadata={"later": True})

    def smoke(self) -> Arrays:
        """Random images of the same size in its place, for tests."""
        return noise_images(self.size, 3)

    def read(self) -> Read:
        """The file's arrays, unscaled, with the chosen bands and channels.

        Raises:
          UserError: it is missing or damaged, or its arrays have other names, shapes or types.
        """
        read = read_arrays(self.path, self.label, self.group, self.split)
        if not self.bands and self.channels is None:
            return read
        return read._replace(image=pick(read.image, self.bands, self.channels, self.path))

    def load(self) -> Splits:
        """Reads, resizes and scales the images.

        Returns:
          Splits with `image` [size, size, C], uint8 or float32, and, where there are labels,
          `label` int32, or `tags` uint8 [K] where an image may have several.

        Raises:
          UserError: see `read`.
        """
        read = self.read()
        if read.image.dtype != np.uint8 and not self.limits:
            raise UserError(
                f"{self.path} has images of {read.image.dtype}; those of 8 bits are uint8, and "
                "others need limits, the (low, high) of each channel that become 0 and 1"
            )
        made = [self.decoded(pixels) for pixels in read.image]
        arrays: dict[str, Any] = {"image": np.stack(made), **read.targets}
        sources = {
            part: ArraySource({key: value[read.parts[part]] for key, value in arrays.items()})
            for part in PARTS
        }
        name = Path(self.path).stem
        return Splits(**sources, name=name, classes=read.classes, tags=read.tags)

    def decoded(self, pixels: np.ndarray) -> np.ndarray:
        """One image as it is stored: [size, size, C], uint8 or float32 in [0, 1]."""
        pixels = fit(pixels, self.size)
        return rescale(pixels, self.limits) if self.limits else pixels


def read_arrays(
    where: str,
    label: str | None = None,
    group: str | None = None,
    split: SplitRule | None = None,
    *,
    axes: int = 2,
) -> Read:
    """Images [N, H, W, C] or volumes [N, D, H, W, C] of a file; see `ImageArrays`.

    Args:
      where: the file.
      label: "none" leaves its labels out.
      group: see `ImageArrays`.
      split: how missing splits are drawn.
      axes: 2 for images, 3 for volumes.

    Raises:
      UserError: it is missing or damaged, or its arrays have other names, shapes or types.
    """
    path = Path(where).expanduser()
    if path.suffix.lower() == ".npy":
        arrays = {"image": read_npy(path)}
    else:
        arrays = read_npz(path, "image=..., label=...")
    names = arrays.pop("classes", None)
    parts = _by_split(arrays, path)
    moved = _channels_first(next(iter(parts.values()))["image"], axes)
    images = {
        part: _checked(np.moveaxis(a["image"], 1, -1) if moved else a["image"], part, path, axes)
        for part, a in parts.items()
    }
    sizes = {part: len(image) for part, image in images.items()}
    shapes = {image.shape[1:] for image in images.values()}
    if len(shapes) > 1:
        raise UserError(f"{path} has images of different shapes in its splits: {shapes}")
    targets = Targets({})
    written = {part: a["label"] for part, a in parts.items() if "label" in a}
    if written and label != "none":
        if set(written) != set(parts):
            raise UserError(f"{path} has labels for {', '.join(written)} only")
        for part, own in written.items():
            if (found := np.size(own) if np.ndim(own) < 2 else len(own)) != sizes[part]:
                raise UserError(f"{path} has {found} labels for {sizes[part]} images")
        known = None if names is None else class_names(names)
        targets = read_targets(written, str(path), names=known)
    own = {
        key: np.concatenate([targets.of(part)[key] for part in parts])
        for key in targets.of("train")
    }
    groups = None if group is None else _groups(group, parts, path)
    starts = np.cumsum([0, *sizes.values()])
    given = {
        part: np.arange(starts[i], starts[i + 1], dtype=np.int64) for i, part in enumerate(parts)
    }
    image = np.concatenate(list(images.values())) if len(images) > 1 else images["train"]
    drawn = _parts(split or SplitRule(), given, own.get("label"), groups, path)
    return Read(image, own, targets.classes, targets.tags, drawn, moved)


def _groups(group: str, parts: dict[str, dict[str, np.ndarray]], path: Path) -> np.ndarray:
    if group != "group":
        count = sum(len(arrays["image"]) for arrays in parts.values())
        named = read_column(group, [str(i) for i in range(count)], "group")
        return np.unique(named, return_inverse=True)[1]
    if not all("group" in arrays for arrays in parts.values()):
        raise UserError(f"{path} has no array 'group'; --group takes that, or a CSV file")
    return np.concatenate([arrays["group"] for arrays in parts.values()])


def _parts(
    split: SplitRule,
    given: dict[str, np.ndarray],
    label: np.ndarray | None,
    group: np.ndarray | None,
    path: Path,
) -> dict[str, np.ndarray]:
    missing = tuple(part for part in PARTS if part not in given)
    if not missing:
        return given
    rows = given["train"]
    drawn = split.draw(
        len(rows),
        f"images of {path}",
        label=None if label is None else label[rows],
        group=None if group is None else group[rows],
        parts=("train", *missing),
    )
    return given | {part: rows[own] for part, own in drawn.items()}


def _by_split(arrays: dict[str, np.ndarray], path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Split -> "image", "label", "group" -> array; train first."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for key, value in arrays.items():
        part, name = _place(key)
        if name is not None:
            found.setdefault(part, {}).setdefault(name, value)
    whole = found.pop("", {})
    if "image" in whole and not found:
        found = {"train": whole}
    if "image" not in found.get("train", {}) or any("image" not in a for a in found.values()):
        raise UserError(
            f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; images are in image "
            "(or images, x, data), or in train_image, test_image, x_train, x_test"
        )
    return {part: found[part] for part in PARTS if part in found}


def _place(key: str) -> tuple[str, str | None]:
    """`train_image` or `x_train` -> ("train", "image"); another name -> ("", None)."""
    low = key.lower()
    head, _, tail = low.partition("_")
    part, name = "", low
    if head in _PARTS and tail:
        part, name = _PARTS[head], tail
    elif tail in _PARTS:
        part, name = _PARTS[tail], head
    for meaning, names in (
        ("image", IMAGE_NAMES),
        ("label", LABEL_NAMES),
        ("group", GROUP_NAMES),
    ):
        if name in names:
            return part, meaning
    return "", None


def _channels_first(image: np.ndarray, axes: int) -> bool:
    """Whether the axis after the first is that of the channels: the smallest of all others."""
    if image.ndim != axes + 2:
        return False
    _, first, *rest = image.shape
    others = rest if axes == 2 else rest[:-1]  # the last of a volume may be channels, too
    if axes == 3 and rest[-1] <= first:
        return False
    return first <= _MOST_CHANNELS and first < min(others)


def _checked(image: np.ndarray, part: str, path: Path, axes: int) -> np.ndarray:
    if image.dtype.kind not in "uif" or image.dtype.itemsize > 8:
        raise UserError(f"{path}: the images of {part} are {image.dtype}; give numbers")
    if image.ndim == axes + 1:
        image = image[..., None]
    if image.ndim != axes + 2 or 0 in image.shape or image.shape[-1] > _MOST_CHANNELS:
        form = "[N, H, W]" if axes == 2 else "[N, D, H, W]"
        more = "; [N, D, H, W, C] are clips or volumes, for video/..."
        raise UserError(
            f"{path}: the images of {part} have the shape {list(image.shape)}; it must be "
            f"{form} or {form[:-1]}, C] with at most {_MOST_CHANNELS} channels"
            f"{more if axes == 2 and image.ndim == 5 else ''}"
        )
    if image.dtype.kind == "f":
        finite(image, f"{path}: the images of {part}")
    return image
