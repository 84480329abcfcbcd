"""Decodes images to uint8 arrays of one size; all image decoding in the library is done here.

* Orientation: the EXIF orientation tag is applied.
* Transparency, of whatever form (alpha channels, palettes, a transparent colour), is composited on
  white.
* 16-bit grey values are scaled by their depth, so that the greatest value of 16 bits (of 12 in a
  12-bit TIFF) becomes 255; 16-bit colour likewise. 1-bit images become 0 and 255.
* Floating-point and 32-bit integer images, whose range is unknown, are refused, as is LAB.
* Of several frames (GIF, TIFF, WebP, APNG) the first is taken.
* CMYK is converted without a colour profile; colour profiles are ignored.

An image may have 89 478 485 pixels, Pillow's own limit. The environment variable
`JSSL_PIXEL_LIMIT` (a number of pixels) raises or lowers it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from jssl.data.files import open_regular, positive
from jssl.errors import UserError

BACKGROUND = 255  # white: what shows through where an image is transparent
PIXEL_LIMIT = "JSSL_PIXEL_LIMIT"
_PIXELS = 89_478_485
# What files are taken for whatever their names end in; others can call programs (EPS) or are no
# photographs.
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF")
_UPRIGHT = {  # values of the EXIF tag 274
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION, _BITS, _PHOTOMETRIC = 274, 258, 262
SOUND_COPY = "remove it or replace it with a sound copy"


def decode(
    file: Path | bytes,
    size: int | None,
    channels: int,
    *,
    where: str | None = None,
    advice: str = SOUND_COPY,
) -> np.ndarray:
    """Decodes one image; with a size, resizes the shorter side to it and crops the centre.

    The module's docstring describes the treatment of orientation, transparency and depth. JPEGs far
    larger than needed are decoded at a lower resolution first, but never below twice the size asked
    for.

    Args:
      file: a path or the encoded bytes.
      size: height and width of the result in pixels; None keeps the image as it is.
      channels: 3 for RGB, 1 for grey.
      where: how messages name the image; None for its path.
      advice: what to do about a damaged one.

    Returns:
      uint8 [H, W, channels].

    Raises:
      UserError: naming the image, when it is missing, cannot be decoded, is of a kind that is
        refused, or has more pixels than the limit.
    """
    mode = "RGB" if channels == 3 else "L"
    with open_image(file, where=where, advice=advice) as image:
        if size is not None:
            image.draft(mode, (2 * size, 2 * size))
        pixels = upright(image)
        if pixels.mode != mode:
            pixels = pixels.convert(mode)
        return to_array(pixels, size, channels)


@contextmanager
def open_image(
    file: Path | bytes, *, where: str | None = None, advice: str = SOUND_COPY
) -> Iterator[Image.Image]:
    """Opens an image and reads its header; errors inside the block are reported in the same way.

    Args:
      file: a path or the encoded bytes.
      where: how messages name the image; None for its path.
      advice: what to do about a damaged one.

    Raises:
      UserError: see `decode`.
    """
    name = where or ("an image" if isinstance(file, bytes) else str(file))
    pixel_limit()
    Image.init()  # a build of Pillow may lack some of the formats
    formats = [one for one in _FORMATS if one in Image.OPEN]
    try:
        if isinstance(file, bytes):
            with Image.open(io.BytesIO(file), formats=formats) as image:
                _check(image, name)
                yield image
        else:
            with open_regular(file) as stream, Image.open(stream, formats=formats) as image:
                _check(image, name)
                yield image
    except UserError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(name) from None
    except Exception as error:  # damaged files raise anything in Pillow's readers
        raise UserError(f"{name} is not a readable image; {advice} ({_reason(error)})") from error


def upright(image: Image.Image) -> Image.Image:
    """The image with its orientation applied, opaque, with 8 bits per channel.

    Args:
      image: of a mode that `open_image` accepts.

    Returns:
      In the mode L or RGB.
    """
    image.load()
    # Only now: Pillow itself turns a TIFF as it loads it, and then takes the tag away.
    turn = _turn(image)
    pixels = _opaque(image)
    return pixels if turn is None else pixels.transpose(turn)


def frames(image: Image.Image) -> int:
    """Number of frames in a file: 1, or 2 if there are several.

    JPEGs of phones with a second image (MPO: a preview, a gain map) count as one frame.
    """
    return 2 if image.format != "MPO" and getattr(image, "is_animated", False) else 1


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged tags raise anything, and the pixels are sound
        return None


def to_array(pixels: Image.Image, size: int | None, channels: int) -> np.ndarray:
    """A decoded image as uint8 [H, W, channels]; see `decode`.

    Args:
      pixels: in the mode RGB or L that `channels` asks for.
      size: height and width of the result in pixels; None keeps the image as it is.
      channels: 3 or 1.
    """
    if size is not None and pixels.size != (size, size):
        width, height = pixels.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        box = (left, top, left + side, top + side)
        pixels = pixels.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.asarray(pixels, dtype=np.uint8).reshape(*pixels.size[::-1], channels)


def pixel_limit() -> int:
    """The number of pixels that an image or a frame of a video may have.

    Raises:
      UserError: the environment variable holds no positive number.
    """
    limit = int(positive(PIXEL_LIMIT, _PIXELS))
    if limit > _PIXELS:
        Image.MAX_IMAGE_PIXELS = limit  # otherwise Pillow's own limit comes first
    return limit


def check_pixels(width: int, height: int, where: str) -> None:
    """Refuses more pixels than the limit.

    Raises:
      UserError: naming the image or video and the limit.
    """
    if width * height > pixel_limit():
        raise _too_large(where, f"{width} x {height} = ")


def _check(image: Image.Image, name: str) -> None:
    check_pixels(*image.size, name)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return
    if image.mode in ("I", "F", "LAB", "HSV"):
        kind = {"I": "32-bit or signed integers", "F": "floating-point numbers"}.get(image.mode)
        raise UserError(
            f"{name} holds {kind or 'colours of the space ' + image.mode}, and nothing says which "
            "of its values are black and white; convert it to an image of 8 or 16 bits"
        )


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _eight_bits(image)
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode[:-1] + "A")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        under = Image.new("RGBA", image.size, (BACKGROUND,) * 3 + (255,))
        return Image.alpha_composite(under, image).convert("RGB")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey image of more than 8 bits, scaled by its depth."""
    values = np.asarray(image).astype(np.int64)
    depth, inverted = 16, False
    if image.format == "TIFF":
        tags = image.tag_v2
        depth, inverted = int(tags.get(_BITS, (16,))[0]), tags.get(_PHOTOMETRIC) == 0
    top = 2**depth - 1
    scaled = (np.clip(values, 0, top) * 255 + top // 2) // top
    if inverted:
        scaled = 255 - scaled
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        scaled = np.where(values == clear, BACKGROUND, scaled)
    return Image.fromarray(scaled.astype(np.uint8))


def _too_large(name: str, size: str = "") -> UserError:
    return UserError(
        f"{name} has {size}more than {pixel_limit()} pixels, which a damaged or malicious file has "
        f"too; if it is sound, raise the limit with the environment variable {PIXEL_LIMIT}"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "its content is of no known format"
    return str(error).split("\n")[0].rstrip(".") or type(error).__name__
