"""Images with captions: COCO's published format, and procedural shapes with descriptions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jssl.core.ranges import Count, Inside, Ranged, Seed
from jssl.data.arrays import finish
from jssl.data.caption_files import read_captions
from jssl.data.files import inside
from jssl.data.images import decode
from jssl.data.listing import existing
from jssl.data.shapes import TEXTURES, Shapes
from jssl.data.silhouettes import NAMES
from jssl.data.source import ArraySource, Splits
from jssl.data.text import to_tokens
from jssl.data.text_files import count_cut
from jssl.errors import UserError

COLOURS = ("red", "orange", "lime", "green", "cyan", "blue", "violet", "pink")
_PAINT = {"solid": "plain", "stripes": "striped", "checks": "checked", "dots": "dotted"}


@dataclass(frozen=True)
class COCOCaptions(Ranged):
    """Images and captions as COCO publishes them: a folder of images and a JSON file a split.

    The file has `images` (each with `id` and `file_name`) and `annotations` (each with `image_id`
    and `caption`).

    Attributes:
      folder: of the training images.
      annotations: such as `captions_train2017.json`.
      test_folder: of the test images, or None to carve them.
      test_annotations: their file, or None.
      size: height and width of the images after resizing and centre-cropping.
      captions: maximum number per image; further ones are ignored.
      length: bytes to which captions are cut or filled up.
      fraction: the part of train that is carved for a split that is not given.
      seed: of the carving.
    """

    folder: str
    annotations: str
    test_folder: str | None = None
    test_annotations: str | None = None
    size: Count = 64
    captions: Count = 5
    length: Count = 64
    fraction: Inside = 0.1
    seed: Seed = 0

    def smoke(self) -> CaptionedShapes:
        """A few captioned shapes in its place, for tests."""
        shapes = CaptionedShapes().smoke()
        return replace(shapes, size=self.size, length=self.length, captions=self.captions)

    def load(self) -> Splits:
        """Reads and decodes all images.

        Returns:
          Splits with `image` uint8 [size, size, 3] and `captions` int32 [captions, length] (see
          `jssl.data.text.to_tokens`), 0 where an image has fewer.

        Raises:
          UserError: a file is missing or of another form (`read_captions`), an image cannot be
            read (`jssl.data.images`) or its file's name leaves the folder.
        """
        if (self.test_folder is None) != (self.test_annotations is None):
            raise UserError("captions of a test split need both test_folder and test_annotations")
        test = None
        if self.test_folder is not None and self.test_annotations is not None:
            test = self._read(self.test_folder, self.test_annotations)
        return finish(
            self._read(self.folder, self.annotations),
            None,
            test,
            "coco_captions",
            (),
            fraction=self.fraction,
            seed=self.seed,
            stratify=False,
        )

    def _read(self, folder: str, annotations: str) -> ArraySource:
        path = Path(annotations).expanduser()
        names, said = read_captions(path)
        root = existing(folder)
        images = [decode(inside(root, name, path), self.size, 3) for name in names.values()]
        tokens, cut = np.zeros((len(names), self.captions, self.length), np.int32), []
        for row, key in zip(tokens, names, strict=True):
            kept = said[key][: self.captions]
            try:
                longer = to_tokens(kept, self.length + 1)
            except UserError as error:
                raise UserError(f"{path}, {names[key]}: {error}") from None
            row[: len(kept)] = longer[:, : self.length]
            cut.append(bool(longer[:, self.length].any()))
        count_cut(path, "images' captions", np.asarray(cut), f"{self.length} bytes")
        return ArraySource({"image": np.stack(images), "captions": tokens})


@dataclass(frozen=True)
class CaptionedShapes(Ranged):
    """The images of `jssl.data.Shapes` with captions that describe them.

    Each caption names the shape and some of colour, texture, background, position and size; no two
    captions of an image name the same attributes.

    Attributes:
      train: number of training images.
      validation: number of validation images.
      test: number of test images.
      size: height and width in pixels.
      captions: of each image, at most 5.
      length: bytes to which captions are cut or filled up.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: Count = 8192
    validation: Count = 512
    test: Count = 1024
    size: Count = 32
    captions: Count = 5
    length: Count = 64
    seed: Seed = 0

    def smoke(self) -> CaptionedShapes:
        """A copy with a few images, for tests."""
        return replace(self, train=24, validation=8, test=8)

    def load(self) -> Splits:
        """Draws the images and writes the captions.

        Returns:
          Splits with `image` uint8 [size, size, 3], `label` int32 (the silhouette) and `captions`
          int32 [captions, length] (see `jssl.data.text.to_tokens`).

        Raises:
          UserError: captions are not 1 ... 5, or what `Shapes` refuses.
        """
        if not 1 <= self.captions <= 5:
            raise UserError(f"captioned shapes have 1 to 5 captions, not {self.captions}")
        shapes = Shapes(self.train, self.validation, self.test, self.size, self.seed).load()
        parts = {p: self._describe(getattr(shapes, p)) for p in ("train", "validation", "test")}
        return Splits(**parts, name="captioned_shapes", classes=shapes.classes)

    def _describe(self, source: ArraySource) -> ArraySource:
        arrays = source.arrays
        factors = {k.removeprefix("factor/"): v for k, v in arrays.items() if "/" in k}
        rows = [
            describe({name: values[i] for name, values in factors.items()})[: self.captions]
            for i in range(len(source))
        ]
        tokens = to_tokens([text for row in rows for text in row], self.length)
        tokens = tokens.reshape(len(rows), self.captions, self.length)
        return ArraySource({"image": arrays["image"], "label": arrays["label"], "captions": tokens})


def describe(factors: dict) -> list[str]:
    """Five captions of a shape by its factors (see `Shapes.load`)."""
    shape = NAMES[int(factors["shape"])].replace("_", " ")
    colour = COLOURS[int(factors["colour"])]
    ground = COLOURS[int(factors["background"])]
    paint = _PAINT[TEXTURES[int(factors["texture"])]]
    side = "left" if factors["x"] < 0 else "right"
    height = "top" if factors["y"] < 0 else "bottom"
    size = "small" if factors["scale"] < 0.53 else "large"
    return [
        f"{_article(colour)} {colour} {shape} on {ground}",
        f"a {paint} {shape} at the {height} {side}",
        f"a {size} {colour} {shape}, {paint}",
        f"there is {_article(shape)} {shape} in the {height} {side}, it is {colour}",
        f"{ground} ground with a {size} {paint} {shape}",
    ]


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
