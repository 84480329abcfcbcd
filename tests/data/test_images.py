import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jssl.data.images import decode
from jssl.errors import UserError

RAMP16 = np.linspace(0, 65535, 64).round().astype(np.uint16).reshape(8, 8)
RAMP8 = np.linspace(0, 255, 64).round().astype(np.uint8).reshape(8, 8)


def encoded(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def png(rows, transparent=None, bits=16, colour=0):
    """A PNG written by hand, in kinds that Pillow does not write."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    height, width = rows.shape[:2]
    raw = b"".join(b"\0" + row.astype(f">u{bits // 8}").tobytes() for row in rows)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    keyed = b"" if transparent is None else chunk(b"tRNS", transparent)
    body = chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + keyed + body


@pytest.mark.parametrize("form", ["PNG", "TIFF", "TIFF of the other byte order", "PPM", "JPEG2000"])
def test_16_bit_grey_is_scaled_by_its_depth(form):
    if form == "PPM":
        file = b"P5\n8 8\n65535\n" + RAMP16.astype(">u2").tobytes()
    elif form.startswith("TIFF of"):
        file = tiff(RAMP16.astype(">u2"), 16, order=">")
    else:
        options = {"irreversible": False} if form == "JPEG2000" else {}
        file = encoded(Image.fromarray(RAMP16), form, **options)
    np.testing.assert_array_equal(decode(file, None, 1)[..., 0], RAMP8)
    np.testing.assert_array_equal(decode(file, None, 3), np.stack([RAMP8] * 3, -1))


def tiff(values, bits, order="<", photometric=1):
    """A grey TIFF of one strip."""
    raw = values.tobytes() if bits != 12 else packed12(values)
    height, width = values.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8),
            (277, 1), (278, height), (279, len(raw))]  # fmt: skip
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, 4, 1) + struct.pack(f"{order}I", value)
        for tag, value in tags
    )
    start = b"II*\0" if order == "<" else b"MM\0*"
    head = start + struct.pack(f"{order}I", 8 + len(raw))
    return head + raw + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def packed12(values):
    pairs = values.reshape(-1, 2).astype(np.uint32)
    whole = (pairs[:, 0] << 12) | pairs[:, 1]
    return np.stack([whole >> 16, whole >> 8, whole], 1).astype(np.uint8).tobytes()


def test_12_bits_and_white_for_zero_in_tiff():
    ramp = np.linspace(0, 4095, 64).round().astype(np.uint16).reshape(8, 8)
    np.testing.assert_array_equal(decode(tiff(ramp, 12), None, 1)[..., 0], RAMP8)
    inverted = tiff(RAMP16.astype("<u2"), 16, photometric=0)
    np.testing.assert_array_equal(decode(inverted, None, 1)[..., 0], 255 - RAMP8)


def test_16_bit_colour_is_scaled_by_its_depth():
    rgb = np.stack([RAMP16, RAMP16[::-1], RAMP16.T], -1)
    found = decode(png(rgb, colour=2), None, 3)
    assert np.abs(found - rgb / 257.0).max() < 1.0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ones((4, 4), np.float32), "holds floating-point numbers"),
        (np.ones((4, 4), np.int32), "holds 32-bit or signed integers"),
    ],
)
def test_values_of_unknown_range_are_refused_by_name(tmp_path, values, words):
    Image.fromarray(values).save(tmp_path / "scan.tif")
    with pytest.raises(UserError, match=words) as caught:
        decode(tmp_path / "scan.tif", 4, 1)
    assert str(caught.value).startswith(str(tmp_path / "scan.tif"))
    with pytest.raises(UserError, match="colours of the space LAB"):
        decode(encoded(Image.new("LAB", (4, 4)), "TIFF"), 4, 3)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation_is_applied(form, turn):
    seen = np.zeros((32, 48), np.uint8)
    seen[:16, :16], seen[16:, 32:] = 255, 128
    undo = {1: seen, 2: seen[:, ::-1], 3: seen[::-1, ::-1], 4: seen[::-1], 5: seen.T,
            6: np.rot90(seen), 7: np.rot90(seen, 2).T, 8: np.rot90(seen, -1)}  # fmt: skip
    exif = Image.Exif()
    exif[274] = turn
    stored = Image.fromarray(np.stack([undo[turn]] * 3, -1))
    options = {"lossless": True} if form == "WEBP" else {"quality": 95} if form == "JPEG" else {}
    file = encoded(stored, form, exif=exif, **options)
    found = decode(file, None, 1)[..., 0].astype(int)
    assert found.shape == seen.shape
    assert np.abs(found - seen).max() <= 12
    assert decode(file, 16, 3).shape == (16, 16, 3)


def hidden(mode):
    """An image whose left half is opaque blue (or 50) and whose right half hides noise."""
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    noise[:, :4] = (0, 0, 200)
    alpha = np.repeat(np.array([255] * 4 + [0] * 4, np.uint8)[None], 8, 0)
    whole = Image.fromarray(np.dstack([noise, alpha]), "RGBA")
    if mode == "LA":
        grey = np.where(alpha > 0, 50, noise[..., 0])
        return Image.fromarray(np.dstack([grey, alpha]).astype(np.uint8), "LA")
    return whole


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "GIF", "palette", "PA", "LA"])
def test_what_is_transparent_is_white(form):
    if form == "LA":
        file, left = encoded(hidden("LA"), "PNG"), (50, 50, 50)
    elif form == "palette":
        small = Image.fromarray(np.repeat(np.arange(8, dtype=np.uint8)[None], 8, 0), "P")
        small.putpalette([0, 0, 200] * 4 + [9, 99, 199] * 4)
        file = encoded(small, "PNG", transparency=bytes([255] * 4 + [0] * 4))
        left = (0, 0, 200)
    elif form == "PA":
        base = hidden("RGBA")
        file, left = encoded(base.convert("PA"), "TIFF"), None
    else:
        options = {"lossless": True} if form == "WEBP" else {}
        file, left = encoded(hidden("RGBA"), form, **options), (0, 0, 200)
    found = decode(file, None, 3)
    assert (found[:, 4:] == 255).all()
    if left is not None:
        np.testing.assert_array_equal(found[:, :4], np.broadcast_to(left, (8, 4, 3)))
    assert (decode(file, None, 1)[:, 4:] == 255).all()


def test_half_transparent_is_mixed_and_a_transparent_colour_is_white():
    half = Image.new("RGBA", (4, 4), (100, 0, 255, 128))
    assert np.abs(decode(encoded(half, "PNG"), None, 3)[0, 0] - [177, 127, 255]).max() <= 1
    keyed8 = encoded(Image.fromarray(RAMP8), "PNG", transparency=int(RAMP8[0, 1]))
    wanted = np.where(RAMP8[0, 1] == RAMP8, 255, RAMP8)
    np.testing.assert_array_equal(decode(keyed8, None, 1)[..., 0], wanted)
    keyed16 = png(RAMP16, transparent=struct.pack(">H", RAMP16[0, 1]))
    np.testing.assert_array_equal(decode(keyed16, None, 1)[..., 0], wanted)


def test_bits_palettes_cmyk_and_first_frames():
    black_white = Image.fromarray(np.eye(8) > 0)
    np.testing.assert_array_equal(
        decode(encoded(black_white, "PNG"), None, 1)[..., 0], np.eye(8) * 255
    )
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    assert np.abs(decode(encoded(red.quantize(4), "PNG"), None, 3)[0, 0] - [255, 0, 0]).max() <= 2
    cmyk = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95)
    assert np.abs(decode(cmyk, None, 3)[0, 0].astype(int) - [255, 0, 0]).max() <= 4
    others = [Image.new("RGB", (8, 8), (0, 255, 0))]
    for form in ("GIF", "TIFF", "PNG", "WEBP"):
        options = {"lossless": True} if form == "WEBP" else {}
        file = encoded(red, form, save_all=True, append_images=others, **options)
        np.testing.assert_array_equal(decode(file, None, 3)[0, 0], [255, 0, 0])


def test_images_with_too_many_pixels_are_refused_and_the_limit_can_be_raised(monkeypatch):
    bomb = png(np.zeros((1, 1), np.uint8), bits=8)
    for side in (10_000, 60_000):  # of the first Pillow only warns
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        crc = struct.pack(">I", zlib.crc32(b"IHDR" + header))
        bomb = bomb[:16] + header + crc + bomb[33:]
        with pytest.raises(UserError, match=r"more than 89478485 pixels.*JSSL_PIXEL_LIMIT"):
            decode(bomb, 8, 1)
    file = encoded(Image.new("L", (20, 20)), "PNG")
    monkeypatch.setenv("JSSL_PIXEL_LIMIT", "399")
    with pytest.raises(UserError, match="x has 20 x 20 = more than 399 pixels"):
        decode(file, 8, 1, where="x")
    monkeypatch.setenv("JSSL_PIXEL_LIMIT", "400")
    assert decode(file, 8, 1).shape == (8, 8, 1)


def test_what_only_looks_like_an_image_is_refused_and_no_program_is_called(tmp_path):
    whole = encoded(Image.fromarray(RAMP8), "PNG")
    eps = encoded(Image.new("RGB", (8, 8)), "EPS")
    for bad in (b"", b"GIF?", whole[:-30], whole[:40] + b"\0" * 9 + whole[49:], eps):
        (tmp_path / "a.png").write_bytes(bad)
        with pytest.raises(UserError, match=r"a\.png is not a readable image"):
            decode(tmp_path / "a.png", 8, 1)
    with pytest.raises(UserError, match="there is no file"):
        decode(tmp_path / "none.png", 8, 1)
