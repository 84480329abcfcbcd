"""Contact sheet of an augmentation recipe: repeated draws of its views for given images."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageOps

from jssl.augmentations import recipes
from jssl.data.images import decode
from jssl.errors import UserError
from jssl.reporting.page import Figure, write_report

IMAGES, DRAWS = 8, 8
CELL = 112  # size of an image on the sheet, in pixels
SQUARE = 256  # common size of images that differ in size, in pixels


def contact_sheet_page(
    recipe: str, images: Sequence[str | Path], out: str | Path, *, seed: int = 0
) -> Path:
    """Writes a page with samples of a recipe: up to 8 images, 8 draws of every view.

    Normalisation is omitted, so that colours are displayable. Masks are overlaid on the view named
    `image`: masked tokens are dark, and the targets of a recipe, if any, are tinted.

    Args:
      recipe: a name of `jssl.augmentations.recipes`.
      images: image files, or folders, whose images are sorted by name; the first eight are used.
        If their sizes differ, each is resized and centre-cropped to 256x256.
      out: path of the page, an .html file, or of a folder for it.
      seed: seed of the draws.

    Returns:
      The path of the page.

    Raises:
      UserError: an unknown recipe, no image, or a file that is not a readable image.
    """
    views = recipes.get(recipe, stats=None)
    pictures = _load(_files(images))
    count = len(pictures)
    batch = {
        "image": jnp.asarray(np.repeat(pictures, DRAWS, axis=0)),
        "index": jnp.arange(count * DRAWS, dtype=jnp.int32),
    }
    drawn = jax.tree.map(np.asarray, jax.jit(views)(jax.random.key(seed), batch))
    figures = {}
    for name, view in drawn.items():
        shown, note = _as_images(view, drawn)
        grid = shown.reshape(count, DRAWS, *shown.shape[1:])
        figures[name] = Figure(
            _sheet(pictures, grid),
            f"An image a row: the original, then {DRAWS} draws of {name!r}, "
            f"{shown.shape[1]}x{shown.shape[2]} pixels.{note}",
            f"{count} images and {DRAWS} random draws of the view {name} of each",
        )
    return _write(recipe, out, figures, pictures, repr(views))


def _files(paths: Sequence[str | Path]) -> list[Path]:
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            known = Image.registered_extensions()
            found += sorted(p for p in path.iterdir() if p.suffix.lower() in known)
        else:
            found.append(path)
    if not found:
        raise UserError("a contact sheet needs at least one image file, or a folder with images")
    return found[:IMAGES]


def _load(files: Sequence[Path]) -> np.ndarray:
    loaded = []
    for path in files:
        loaded.append(Image.fromarray(decode(path, None, 3)))
    if len({image.size for image in loaded}) > 1:
        loaded = [ImageOps.fit(image, (SQUARE, SQUARE)) for image in loaded]
    return np.stack([np.asarray(image) for image in loaded])


def _as_images(view: Any, drawn: dict[str, Any]) -> tuple[np.ndarray, str]:
    """A view's images [B, h, w, C], and their description."""
    if isinstance(view, dict) and "image" in view:
        images, note = _members(view["image"])
        labels = view.get("label")
        if labels is not None and labels.ndim == 1:
            note += f" Labels of the first row: {labels[:DRAWS].tolist()}."
        return images, note
    if isinstance(view, dict):
        base = drawn.get("image")
        base = base["image"] if isinstance(base, dict) else base
        if base is None or base.ndim != 4:
            base = np.ones((len(view["mask"]), 96, 96, 3), np.float32)
        shown = drawn.get("mask", view)
        if view["mask"].shape[1] == shown["keep"].shape[1] != shown["mask"].shape[1]:
            # A subset of the visible tokens, such as dropped positions.
            keep = np.take_along_axis(shown["keep"], view["keep"], axis=1)
            view = {"mask": shown["mask"], "keep": keep}
        return _masked(base, view)
    if view.ndim == 2:  # a mask of the positions that were replaced in the image
        result, _ = _masked(drawn["original"], {"mask": view})
        return result, f" {view.mean():.0%} of the tokens are replaced."
    return _members(view)


def _members(images: np.ndarray) -> tuple[np.ndarray, str]:
    """For a stack of views [B, V, h, w, C], selects a different member for each draw."""
    if images.ndim == 4:
        return images, ""
    several = images.shape[1]
    rows = np.arange(len(images))
    return images[rows, rows % DRAWS % several], f" The view is {several} images; one a draw."


def _masked(images: np.ndarray, mask: dict[str, np.ndarray]) -> tuple[np.ndarray, str]:
    tokens = mask["mask"].shape[1]
    side = math.isqrt(tokens)
    if side * side != tokens:
        raise UserError(f"a mask of {tokens} tokens does not form a square to lay over an image")
    shown = ~mask["mask"]
    if "keep" in mask:
        shown = np.zeros((len(images), tokens), bool)
        np.put_along_axis(shown, mask["keep"], True, axis=1)

    def spread(flags: np.ndarray) -> np.ndarray:
        grid = flags.reshape(-1, side, side)
        rows, columns = (np.arange(n) * side // n for n in images.shape[1:3])
        return grid[:, rows][:, :, columns][..., None]

    result = np.where(spread(shown), images, 0.12 * images)
    if "targets" in mask:
        tint = 0.45 * images + 0.55 * np.asarray([0.95, 0.5, 0.1], np.float32)
        result = np.where(spread(mask["mask"]), tint, result)
    kept = mask["keep"].shape[1] if "keep" in mask else int(shown[0].sum())
    return result, f" {kept} of {tokens} tokens are shown."


def _sheet(originals: np.ndarray, grid: np.ndarray) -> bytes:
    gap, rows, columns = 4, len(originals), DRAWS + 1
    width, height = columns * (CELL + gap) + 3 * gap, rows * (CELL + gap) - gap
    sheet = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    for row in range(rows):
        for column in range(columns):
            pixels = originals[row] if column == 0 else _levels(grid[row, column - 1])
            image = Image.fromarray(pixels).convert("RGB")
            # Small images are upsampled by nearest neighbours; large ones are downsampled smoothly.
            enlarge = max(image.size) < CELL
            how = Image.Resampling.NEAREST if enlarge else Image.Resampling.LANCZOS
            image = ImageOps.contain(image, (CELL, CELL), how)
            x = column * (CELL + gap) + (3 * gap if column else 0) + (CELL - image.width) // 2
            y = row * (CELL + gap) + (CELL - image.height) // 2
            sheet.paste(image, (x, y))
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    return buffer.getvalue()


def _levels(image: np.ndarray) -> np.ndarray:
    if image.min() < 0 and abs(image.mean()) < 0.01:  # high-pass: shown around mid-grey
        image = image + 0.5
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _write(
    recipe: str,
    out: str | Path,
    figures: dict[str, Figure],
    pictures: np.ndarray,
    description: str,
) -> Path:
    out = Path(out)
    target = out / f"augmentations_{recipe}.html" if out.is_dir() else out
    if not target.parent.is_dir():
        raise UserError(f"there is no folder {target.parent} to write {target.name} to")
    summary = {
        "source": recipes.RECIPES[recipe].__doc__.splitlines()[0],
        "images": f"{len(pictures)} of {pictures.shape[1]}x{pictures.shape[2]} pixels",
        "draws": DRAWS,
    }
    return write_report(
        target,
        title=f"Augmentations: {recipe}",
        summary=summary,
        result_table=None,
        figures=figures,
        config=description,
    )
