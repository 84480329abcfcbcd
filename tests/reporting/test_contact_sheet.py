"""The contact sheet: written whole for images of any size, and clear about mistakes."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from jssl.errors import UserError
from jssl.reporting.augmentations import contact_sheet_page


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for i, size in enumerate([(40, 32), (32, 32), (50, 64)]):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


@pytest.mark.rotating
@pytest.mark.parametrize(
    ("recipe", "views"),
    [
        ("mae", ["image", "mask"]),
        ("rotnet", ["image"]),
        ("gmml", ["image", "mask", "original"]),
        ("droppos", ["dropped", "image", "mask"]),
    ],
)
def test_the_page_shows_every_view(folder, recipe, views):
    page = contact_sheet_page(recipe, [folder], folder / "sheet.html")
    text = page.read_text()
    assert page == folder / "sheet.html"
    assert [h for h in re.findall("<h2>(.*?)</h2>", text) if h != "Experiment"] == views
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", text)
    assert len(pictures) == len(views)
    for picture in pictures:
        image = Image.open(io.BytesIO(base64.b64decode(picture)))
        assert image.size == (9 * 116 + 12, 3 * 116 - 4)  # an original and eight draws, three rows
        drawn = np.asarray(image.convert("RGB"))[:112]
        cells = [drawn[:, 128 + 116 * k : 240 + 116 * k] for k in range(8)]
        assert all(np.abs(cells[0].astype(int) - c).mean() > 1 for c in cells[1:])
    assert [p.name for p in sorted(folder.iterdir())][-2:] == ["notes.txt", "sheet.html"]


def test_mistakes_get_a_sentence(folder):
    out = folder / "sheet.html"
    for match, recipe, images, where in (
        ("did you mean 'simclr'", "simcl", [folder], out),
        ("at least one image", "simclr", [], out),
        ("there is no file", "simclr", [folder / "none.png"], out),
        ("not a readable image", "simclr", [folder / "notes.txt"], out),
        ("no folder", "rotnet", [folder], folder / "none" / "sheet.html"),
    ):
        with pytest.raises(UserError, match=match):
            contact_sheet_page(recipe, images, where)
    assert not out.exists()
