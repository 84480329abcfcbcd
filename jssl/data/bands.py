"""Images with any number of channels and any depth: TIFFs of several bands, 16 bits, `.npy`.

`jssl.data.images` reads photographs as 8-bit grey or RGB. Here an image keeps its channels and its
numbers: a TIFF is read with tifffile (`pip install 'jssl[tiff]'`), a `.npy` file with NumPy and
everything else with Pillow.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
from PIL import Image, TiffImagePlugin

from jssl.data.files import open_regular
from jssl.data.images import SOUND_COPY, check_pixels, open_image
from jssl.data.npz import npy_header, read_npy
from jssl.errors import UserError

TIFF = (".tif", ".tiff")
_BITS, _SAMPLES = 258, 277  # tags of a TIFF
_MOST_CHANNELS = 512
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # of Pillow, by channels


class Header(NamedTuple):
    """What a file says of its image before it is decoded.

    Attributes:
      height: pixels.
      width: pixels.
      channels: as stored: 1 for grey and palettes without colour, 2 or 4 with transparency.
      dtype: of a value, such as "uint8".
    """

    height: int
    width: int
    channels: int
    dtype: str


def read_header(file: Path) -> Header:
    """Reads the header of an image file.

    Raises:
      UserError: naming the file, when it is missing or no image.
    """
    if file.suffix.lower() == ".npy":
        shape, dtype = _npy_header(file)
        return Header(*_hwc(shape, file), str(dtype))
    if file.suffix.lower() in TIFF and _tiff_bands(file):
        return _tiff_header(file)
    with open_image(file) as image:
        deep = image.mode.startswith("I")
        channels = 3 if image.mode == "P" else len(image.getbands())
        width, height = image.size
        return Header(height, width, channels, "uint16" if deep else "uint8")


def read_bands(file: Path, channels: int | None = None) -> np.ndarray:
    """Decodes an image with all its channels, unscaled.

    Args:
      file: its path.
      channels: 4 keeps the transparency of an image in colours, as RGBA; otherwise the number that
        the image must have. None takes what there is.

    Returns:
      [H, W, C] of its own type: uint8, uint16, int16, float32, ...

    Raises:
      UserError: naming the file, when it cannot be decoded, has another number of channels, or
        holds complex numbers or values that are not finite.
    """
    suffix = file.suffix.lower()
    if suffix == ".npy":
        pixels = _arranged(read_npy(file), file)
    elif suffix in TIFF and _tiff_bands(file):
        pixels = _read_tiff(file)
    else:
        pixels = _read_pillow(file, channels)
    if channels is not None and pixels.shape[-1] != channels:
        raise UserError(
            f"{file} has {pixels.shape[-1]} channels and others have {channels}; all images need "
            "the same, or --channels for grey or rgb"
        )
    if pixels.dtype.kind not in "uif" or (
        pixels.dtype.kind == "f" and not np.isfinite(pixels).all()
    ):
        bad = "values that are NaN or infinite" if pixels.dtype.kind == "f" else str(pixels.dtype)
        raise UserError(f"{file} holds {bad}; give finite numbers")
    return pixels


def fit(pixels: np.ndarray, size: int) -> np.ndarray:
    """Resizes the shorter side to a size and crops the centre, channel by channel.

    Args:
      pixels: [H, W, C], uint8 or another number type.
      size: pixels.

    Returns:
      [size, size, C]: uint8 for uint8, float32 otherwise.
    """
    height, width, channels = pixels.shape
    eight = pixels.dtype == np.uint8
    if (height, width) != (size, size):
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        box = (left, top, left + side, top + side)
        planes = [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(pixels[..., c], np.float32)).resize(
                    (size, size), Image.Resampling.BICUBIC, box=box
                )
            )
            for c in range(channels)
        ]
        pixels = np.stack(planes, axis=-1)
        if eight:
            pixels = np.clip(np.round(pixels), 0, 255)
    return pixels.astype(np.uint8 if eight else np.float32)


def pick(
    pixels: np.ndarray, bands: tuple[int, ...], channels: int | None, where: str | Path
) -> np.ndarray:
    """Chooses bands, or reads images of 8 bits as grey, RGB or RGBA.

    Args:
      pixels: [..., H, W, C].
      bands: numbers of the bands that are kept, from 1, in their order; () for all.
      channels: 1 (luma of ITU-R 601), 3 (transparency on white) or 4; None keeps the channels.
      where: what holds the pixels, for messages.

    Returns:
      [..., H, W, K].

    Raises:
      UserError: there is no such band, or colours are asked of other than 8-bit grey, RGB or RGBA.
    """
    if bands:
        count = pixels.shape[-1]
        if min(bands) < 1 or max(bands) > count:
            wrong = max(bands) if max(bands) > count else min(bands)
            raise UserError(
                f"--bands asks for band {wrong}, and {where} has the bands 1 to {count}"
            )
        return pixels[..., np.asarray(bands) - 1]
    if channels is None or channels == pixels.shape[-1]:
        return pixels
    if pixels.dtype != np.uint8 or pixels.shape[-1] not in _MODES or channels not in (1, 3, 4):
        raise UserError(
            f"--channels asks for {channels} and the images of {where} have {pixels.shape[-1]} of "
            f"{pixels.dtype}; grey, rgb and rgba are for 8-bit images of those kinds, and --bands "
            "chooses bands"
        )
    flat = pixels.reshape(-1, *pixels.shape[-2:])  # a stack of images is one tall image
    image = Image.fromarray(flat[..., 0] if flat.shape[-1] == 1 else flat, _MODES[flat.shape[-1]])
    if channels != 4 and image.mode in ("LA", "RGBA"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    image = image.convert(_MODES[channels])
    return np.asarray(image).reshape(*pixels.shape[:-1], channels)


def rescale(pixels: np.ndarray, limits: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Maps each channel's (low, high) to [0, 1] and clips what lies beyond.

    Args:
      pixels: [..., C].
      limits: (low, high) of each channel.

    Returns:
      float32 [..., C].
    """
    low, high = np.asarray(limits, np.float32).T
    spread = np.where(high > low, high - low, 1)
    return np.clip((pixels.astype(np.float32) - low) / spread, 0, 1)


def tiff_library() -> ModuleType:
    """tifffile.

    Raises:
      UserError: it is not installed.
    """
    try:
        return importlib.import_module("tifffile")
    except ImportError:
        raise UserError(
            "TIFFs of several bands are read with tifffile: pip install 'jssl[tiff]'"
        ) from None


def _tiff_bands(file: Path) -> bool:
    """Whether a TIFF holds what Pillow does not read: several bands or pages, or deep colours."""
    try:
        with open_regular(file) as stream:
            head = stream.read(8)
            if head[2:4] in (b"+\0", b"\0+"):  # of more than 4 GiB, or written so
                return True
            tags = TiffImagePlugin.ImageFileDirectory_v2(head)
            stream.seek(tags.next)
            tags.load(stream)
    except UserError:
        raise
    except Exception:  # damaged, which Pillow's own reader says
        return False
    bits, samples = tags.get(_BITS, (1,)), int(tags.get(_SAMPLES, 1))
    return samples > 4 or max(bits) > 16 or (samples > 1 and max(bits) > 8) or tags.next != 0


def _tiff_header(file: Path) -> Header:
    tifffile = tiff_library()
    try:
        with open_regular(file) as stream, tifffile.TiffFile(stream) as image:
            series = image.series[0]
            shape, axes, dtype = series.shape, series.axes, series.dtype
    except UserError:
        raise
    except Exception as error:
        raise _damaged(file, error) from error
    height, width, channels = _tiff_sides(shape, axes, file)
    check_pixels(width, height, str(file))
    return Header(height, width, channels, str(dtype))


def _read_tiff(file: Path) -> np.ndarray:
    tifffile = tiff_library()
    header = _tiff_header(file)  # refuses an image that is too large before it is decoded
    try:
        with open_regular(file) as stream, tifffile.TiffFile(stream) as image:
            series = image.series[0]
            pixels, axes = series.asarray(), series.axes
    except UserError:
        raise
    except Exception as error:
        raise _damaged(file, error) from error
    if "Q" in axes:
        return _arranged(pixels, file)
    spatial = [axes.index("Y"), axes.index("X")]
    rest = [i for i in range(pixels.ndim) if i not in spatial]
    return np.transpose(pixels, (*spatial, *rest)).reshape(header.height, header.width, -1)


def _tiff_sides(shape: tuple[int, ...], axes: str, file: Path) -> tuple[int, int, int]:
    """Height, width and channels; an array whose axes the file does not name is [H, W, C]."""
    if "Q" in axes:
        height, width, channels = _hwc(tuple(shape), file)
    elif "Y" not in axes or "X" not in axes:
        raise UserError(f"{file} is a TIFF with the axes {axes}, not an image of rows and columns")
    else:
        height, width = shape[axes.index("Y")], shape[axes.index("X")]
        channels = int(np.prod(shape)) // (height * width)
    if channels > _MOST_CHANNELS:
        raise UserError(f"{file} has {channels} bands or pages; at most {_MOST_CHANNELS} are read")
    return height, width, channels


def _read_pillow(file: Path, channels: int | None) -> np.ndarray:
    with open_image(file) as image:
        image.load()
        if channels == 4 and image.mode != "RGBA" and not image.mode.startswith("I"):
            image = image.convert("RGBA")
        elif image.mode == "P":
            image = image.convert("RGBA" if channels == 4 else "RGB")
        elif image.mode == "1":
            image = image.convert("L")
        pixels = np.asarray(image)
    if pixels.dtype == np.int32:  # 16-bit grey of a PNG or PPM
        pixels = pixels.astype(np.uint16)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _npy_header(file: Path) -> tuple[tuple[int, ...], np.dtype]:
    try:
        with open_regular(file) as stream:
            return npy_header(stream)
    except (ValueError, EOFError, OSError, KeyError, TypeError) as error:
        raise _damaged(file, error) from None


def _hwc(shape: tuple[int, ...], file: Path) -> tuple[int, int, int]:
    """Height, width and channels of an array of one image; the channels may come first."""
    if len(shape) == 2:
        return shape[0], shape[1], 1
    if len(shape) != 3:
        raise UserError(f"{file} holds an array of shape {list(shape)}, not one image [H, W, C]")
    first = shape[0] < min(shape[1], shape[2])
    return (shape[1], shape[2], shape[0]) if first else (shape[0], shape[1], shape[2])


def _arranged(pixels: np.ndarray, file: Path) -> np.ndarray:
    height, width, channels = _hwc(pixels.shape, file)
    if pixels.ndim == 2:
        return pixels[..., None]
    moved = pixels.shape != (height, width, channels)
    return np.moveaxis(pixels, 0, -1) if moved else pixels


def _damaged(file: Path, error: Exception) -> UserError:
    reason = str(error).split("\n")[0].rstrip(".") or type(error).__name__
    return UserError(f"{file} is not a readable image; {SOUND_COPY} ({reason})")
