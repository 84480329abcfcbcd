"""The interactive map: whole in the page, escaped, with the right thumbnail for each point."""

import base64
import hashlib
import html
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

from jssl.data.folder import FileSource
from jssl.data.source import ArraySource, SubsetSource
from jssl.data.text import to_tokens
from jssl.reporting.embedding_map import EmbeddingMap, texts_of, thumbnails
from jssl.reporting.page import write_report

BAD = "</title><script>alert(1)</script>\"'\x1b[2J"
POINTS = np.random.default_rng(0).normal(size=(12, 2)) * [1, 3]


class Circles(HTMLParser):
    """Collects the points of a page: attributes and the text of the title."""

    def __init__(self, text):
        super().__init__()
        self.found, self.scripts = [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        if tag == "circle" and "data-k" in dict(attrs):
            self.found.append((dict(attrs), ""))

    def handle_data(self, data):
        if self.found and data.strip() and self.lasttag == "title":
            self.found[-1] = (self.found[-1][0], data)


def page(tmp_path, **more):
    drawn = EmbeddingMap(
        POINTS, np.arange(12) % 2, ("cat", BAD), [BAD] * 12, caption=BAD, alt=BAD, **more
    )
    return write_report(
        tmp_path, title="x", summary={}, result_table=None, figures={"Embedding map": drawn}
    ).read_text(), drawn


def test_names_of_strangers_are_text_and_the_script_is_the_only_one(tmp_path):
    text, _ = page(tmp_path)
    parsed = Circles(text)
    assert parsed.scripts == 1
    assert len(parsed.found) == 12
    shown = BAD.replace("\x1b", "\\x1b")
    assert [title for _, title in parsed.found[:2]] == [f"cat: {shown}", f"{shown}: {shown}"]
    assert "alert(1)<" not in text and "\x1b" not in text and " style=" not in text
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])
    script = re.search(r"<script>(.*)</script>", text, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    for word in ("fetch(", "XMLHttpRequest", "innerHTML", "eval(", "import("):
        assert word not in script
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)


def test_points_keep_their_distances_on_a_plane_that_lies_flat(tmp_path):
    text, drawn = page(tmp_path)
    places = np.array([[float(a["cx"]), float(a["cy"])] for a, _ in Circles(text).found])

    def distances(x):
        return np.linalg.norm(x[:, None] - x[None], axis=-1)

    ratio = distances(places)[0, 1:] / distances(POINTS)[0, 1:]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-2)
    assert places.min() >= 0
    assert places[:, 0].max() <= 1000 and places[:, 1].max() <= drawn.height < 1000
    collapsed = EmbeddingMap(np.zeros((3, 2)), np.zeros(3, int), ("a",), [""] * 3, "", "")
    assert {(p.x, p.y) for p in collapsed.placed()} == {(30.0, 30.0)}


def test_each_point_has_its_own_thumbnail():
    grey = np.arange(7, dtype=np.uint8) * 30
    for side in (8, 100):  # kept as they are, and made smaller
        images = np.broadcast_to(grey[:, None, None, None], (7, side, side // 2, 3))
        sprite, (width, height), columns = thumbnails(images)
        sheet = np.asarray(Image.open(io.BytesIO(sprite)).convert("L"))
        assert (width, height) == (min(side, 48) // 2, min(side, 48))
        for index, level in enumerate(grey):
            x = index % columns * width + width // 2
            y = index // columns * height + height // 2
            assert abs(int(sheet[y, x]) - level) <= 3


def test_points_are_named_by_file_or_text():
    files = FileSource(Path("."), ["a/<b>.png", "c.png"], np.zeros(2), 8, 3)
    assert texts_of(SubsetSource(files, [1, 0]), "image") == ["c.png", "a/<b>.png"]
    texts = ArraySource({"text": to_tokens(["one\ntext", "y" * 200], 400)})
    assert texts_of(texts, "text") == ["one text", "y" * 159 + "…"]
    assert texts_of(ArraySource({"text": np.full((1, 4), 900)}), "text") == ["example 0"]
    series = ArraySource({"series": np.zeros((3, 5, 1))})
    assert texts_of(SubsetSource(series, [2]), "series") == ["example 2"]
    several = ArraySource({"series": np.zeros((2, 5)), "tags": np.array([[1, 1], [0, 0]])})
    assert texts_of(several, "series", ["a", "b"]) == ["example 0 (a, b)", "example 1 ()"]
