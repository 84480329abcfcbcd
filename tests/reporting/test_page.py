"""The page: whole, self-contained, escaped; and the figures on it."""

import configparser
import io
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jssl.core.table import Table
from jssl.errors import UserError
from jssl.reporting import figures, rendering
from jssl.reporting.charts import Chart
from jssl.reporting.page import Figure, write_report
from jssl.reporting.verdict import Verdict

RNG = np.random.default_rng(0)
IMAGES = RNG.random((8, 4, 4, 3)).astype(np.float32)
TABLE = Table(
    ("features", "20-NN"),
    (("trained", "90.0 ± 1.0"), ("raw <pixels>", "50.0")),
    ("Chance is 10.0 & <b>",),
    frozenset({"trained"}),
)
VOID = {"meta", "link", "img"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that tags close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def count(png, colour):
    """How many pixels have the colour "#rrggbb"."""
    wanted = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return (pixels(png)[..., :3] == wanted).all(axis=-1).sum()


def test_page_is_whole_self_contained_and_escaped(tmp_path):
    drawn = Chart(
        {"loss": [(0, 2.0), (10, 1.0)], "<probe>": [(0, 1.0)]},
        ylabel="loss",
        caption="A <script>alert(1)</script> caption",
        alt='Falls from 2 to 1 "fast"',
    )
    (tmp_path / "views.png").write_bytes(figures.view_grid(IMAGES, {"a": IMAGES}))
    path = write_report(
        tmp_path,
        title="image/simclr <digits>",
        subtitle="SimCLR, <seed> 0",
        verdict=Verdict("It <beats> the raw input.", "good", ("A <reason>.",), "A <note>."),
        summary={"seed": 0, "command": "jssl train x --set a.b=" + "c" * 40, "<k>": "<v>"},
        result_table=TABLE,
        figures={"Loss": drawn, "Views": Figure(tmp_path / "views.png", "Views.", "a grid")},
        alarms=["The loss was <NaN> at step 3."],
        config="Experiment(name='<x>')",
    )
    assert path == tmp_path / "report.html"
    assert not list(tmp_path.glob("*.partial"))
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    names = [tag for tag, _ in page.tags]
    assert "script" not in names
    assert names.count("h1") == 1
    assert names.count("img") == 1
    assert names.count("path") == 2
    for tag, attrs in page.tags:
        for key in ("src", "href"):
            assert attrs.get(key, "data:").startswith("data:"), (tag, key)
        if tag == "img":
            assert attrs["alt"]
    assert "url(" not in text
    assert "@import" not in text
    for shown in ("<script>alert(1)</script>", "<digits>", "<NaN>", "raw <pixels>", "<v>", "'<x>'"):
        assert shown in page.text
    for shown in ("<seed>", "It <beats>", "A <reason>.", "A <note>.", "<probe>"):
        assert shown in page.text
    assert ("svg", {"role": "img", "aria-label": 'Falls from 2 to 1 "fast"'}) in page.tags
    assert "prefers-color-scheme: dark" in text
    assert [attrs.get("class") for tag, attrs in page.tags if tag == "tr"] == [None, "own", None]
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in (
        page.tags
    )


def test_page_of_a_run_with_nothing_yet(tmp_path):
    page = Page(
        write_report(tmp_path, title="x", summary={}, result_table=None, figures={}).read_text()
    )
    assert not {"table", "figure", "dl", "details"} & {tag for tag, _ in page.tags}


def test_page_refuses_figures_that_are_none(tmp_path):
    for image, reason in ((tmp_path / "missing.png", "cannot be read"), (b"GIF89a", "not a PNG")):
        with pytest.raises(UserError, match=f"figure .*{reason}"):
            write_report(
                tmp_path,
                title="x",
                summary={},
                result_table=None,
                figures={"Loss": Figure(image, "", "")},
            )
    assert not (tmp_path / "report.html").exists()


def test_markdown_is_aligned_and_escaped():
    table = Table(("name", "x|y"), (("long name", "1"), ("b", "10.5")), ("A note.",))
    assert table.markdown() == (
        "| name      | x\\|y |\n"
        "| --------- | ---: |\n"
        "| long name |    1 |\n"
        "| b         | 10.5 |\n"
        "\n"
        "- A note.\n"
    )


def test_curves_skip_what_is_not_finite():
    points = [(step, np.nan if step == 5 else 1 / (step + 1)) for step in range(300)]
    png = figures.curves({"a": points}, ylabel="loss", references={"b": 0.5})
    assert count(png, figures.LINES[0]) > 100
    assert pixels(png)[0, 0, 3] == 0  # the page shows through
    with pytest.raises(UserError, match="no finite value of a"):
        figures.curves({"a": [(0, np.nan)]}, ylabel="loss")


def test_grids_show_the_images_they_were_given():
    red = np.zeros((2, 4, 4, 3), np.float32)
    red[..., 0] = 1
    grey = np.full((2, 4, 4, 1), 0.25, np.float32)
    png = pixels(figures.reconstruction_grid(red, 2 * red - 0.5, np.repeat(grey, 3, -1)))
    opaque = png[png[..., 3] == 255][:, :3]
    close = [abs(opaque.astype(int) - c).max(axis=1) <= 1 for c in ([255, 0, 0], [64, 64, 64])]
    shares = [found.mean() for found in close]
    assert shares[0] == pytest.approx(2 / 3, abs=0.05)  # out-of-range values are clipped
    assert shares[1] == pytest.approx(1 / 3, abs=0.05)
    assert figures.view_grid(grey, {"a": red, "one": red[:1]})


def test_neighbour_frames_tell_right_from_wrong():
    def frame(labels, colour):
        png = figures.neighbour_grid(
            IMAGES[:1] * 0,
            IMAGES[None, :5] * 0,
            np.array([1]),
            np.array([labels]),
            ["cat", "a very long class name"],
        )
        return count(png, colour)

    green = [frame(labels, figures.RIGHT) for labels in ([0] * 5, [1, 1, 0, 0, 0], [1] * 5)]
    red = [frame(labels, figures.WRONG) for labels in ([0] * 5, [1, 1, 0, 0, 0], [1] * 5)]
    assert green[0] == 0 < green[1] < green[2]
    assert red[0] > red[1] > red[2] == 0


def test_map_keeps_neighbours_and_survives_collapse():
    centres = np.eye(3, 20) * 10
    labels = np.arange(60) % 3
    features = centres[labels] + RNG.normal(size=(60, 20))
    points = figures.embed_2d(features, limit=48)
    assert points.shape == (48, 2)
    np.testing.assert_array_equal(points, figures.embed_2d(features, limit=48))
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (labels[distance.argmin(axis=1)] == labels[:48]).mean() > 0.9
    assert figures.embed_2d(np.ones((10, 4))).shape == (10, 2)
    with pytest.raises(UserError, match="at least four"):
        figures.embed_2d(np.ones((3, 4)))
    with pytest.raises(UserError, match="NaN"):
        figures.embed_2d(np.full((9, 4), np.nan))
    odd = ["_a", r"$\frac$", "漢字"]  # for matplotlib: left out, a formula, and not in its font
    for names in (odd, [str(i) for i in range(15)], [str(i) for i in range(30)]):
        assert pixels(figures.embedding_map(points, labels[:48], names)).any()


def test_every_template_is_installed():
    """Each file of the folder is package data, and each template can be compiled."""
    root = Path(rendering.__file__).parent
    setup = configparser.ConfigParser()
    setup.read(root.parent.parent / "setup.cfg")
    patterns = setup["options.package_data"]["jssl.reporting"].split()
    files = [path for path in root.rglob("*") if path.suffix in (".html", ".css", ".js")]
    assert len(files) >= 8
    for path in files:
        name = path.relative_to(root)
        assert any(name.match(pattern) for pattern in patterns), name
        if path.suffix == ".html":
            rendering.environment().get_template(path.name)
