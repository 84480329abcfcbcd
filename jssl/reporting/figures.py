"""Figures of a run, as PNG bytes with transparent backgrounds.

Matplotlib is used through its object-oriented interface, without global state or a display.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from jssl.core.terminal import printable
from jssl.errors import UserError
from jssl.reporting.lines import SMOOTHED, Points, finite_lines, smoothed, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#808080"  # legible on white and near-black, for figures with a single variant
LINES = ("#0b62b8", "#c4570a", "#1d8348", "#8e44ad", "#b03a5b", "#5d6470")
INK, RULE = "#30343b", "#d5d8dd"
RIGHT, WRONG = "#1f9d55", "#d64545"
LISTED = 20  # classes that a map names


def curves(
    series: Mapping[str, Points],
    *,
    ylabel: str,
    xlabel: str = "step",
    percent: bool = False,
    references: Mapping[str, float] | None = None,
) -> bytes:
    """Plots lines over steps, such as the loss or the accuracy of an online probe.

    Args:
      series: the points (step, value) of each line; values that are not finite are omitted, and
        long lines are thinned and overlaid with medians.
      ylabel: label of the vertical axis.
      xlabel: label of the horizontal axis.
      percent: whether values in [0, 1] are shown in percent.
      references: horizontal dashed lines by name, such as the untrained encoder's accuracy.

    Returns:
      PNG bytes.

    Raises:
      UserError: no line has a finite value.
    """
    scale = 100 if percent else 1
    lines = finite_lines(series, ylabel)
    figure = _canvas(6.0, 3.4)
    axes = figure.add_subplot()
    _style(axes)
    for index, (name, array) in enumerate(lines.items()):
        colour = LINES[index % len(LINES)]
        if len(array) > SMOOTHED:
            x, y = thinned(array).T
            axes.plot(x, scale * y, color=colour, alpha=0.3, linewidth=0.8)
            x, y = smoothed(array).T
            axes.plot(x, scale * y, color=colour, label=name)
        else:
            x, y = array.T
            marker = "o" if len(x) <= 20 else None
            axes.plot(x, scale * y, color=colour, label=name, marker=marker, markersize=4)
    for index, (name, value) in enumerate((references or {}).items()):
        style = ("--", ":", "-.")[index % 3]
        axes.axhline(scale * value, color=INK, linestyle=style, linewidth=1.2, label=name)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(f"{ylabel} (%)" if percent else ylabel)
    if len(lines) + len(references or {}) > 1:
        axes.legend(frameon=False, labelcolor=INK, fontsize=10, loc="best")
    return _png(figure)


def view_grid(originals: np.ndarray, views: Mapping[str, np.ndarray]) -> bytes:
    """Augmented views of a few examples: one column per example, one row per view.

    Args:
      originals: [N, H, W, C] in [0, 1] (C is 1 or 3); at most eight are shown.
      views: for each name, [N, h, w, C] in [0, 1], denormalised.

    Returns:
      PNG bytes.
    """
    rows = {"original": originals, **views}
    return _image_rows({name: np.asarray(images)[:8] for name, images in rows.items()})


def reconstruction_grid(
    masked: np.ndarray, reconstructions: np.ndarray, originals: np.ndarray
) -> bytes:
    """Masked input, reconstruction and original of a masked image modelling method.

    Args:
      masked: [N, H, W, C] in [0, 1], with masked patches already filled; at most eight are shown.
      reconstructions: the same shape.
      originals: the same shape.

    Returns:
      PNG bytes.
    """
    rows = {"masked input": masked, "reconstruction": reconstructions, "original": originals}
    return _image_rows({name: np.asarray(images)[:8] for name, images in rows.items()})


def neighbour_grid(
    queries: np.ndarray,
    neighbours: np.ndarray,
    query_labels: np.ndarray | None,
    neighbour_labels: np.ndarray | None,
    classes: Sequence[str],
) -> bytes:
    """Queries and their nearest neighbours, framed solid green (same class) or dashed red (other).

    Args:
      queries: [Q, H, W, C] in [0, 1].
      neighbours: [Q, K, H, W, C] in [0, 1], nearest first.
      query_labels: int [Q]; None without labels, which draws no frames.
      neighbour_labels: int [Q, K]; None without labels.
      classes: names of the classes.

    Returns:
      PNG bytes.
    """
    count, k = neighbours.shape[:2]
    figure = _canvas(1.1 * (k + 1), 1.25 * count)
    grid = figure.subplots(count, k + 1, squeeze=False)
    for row in range(count):
        _show(grid[row, 0], queries[row])
        if query_labels is None or neighbour_labels is None:
            for column in range(k):
                _show(grid[row, column + 1], neighbours[row, column])
            continue
        _name(grid[row, 0], classes[query_labels[row]])
        for column in range(k):
            axes, label = grid[row, column + 1], neighbour_labels[row, column]
            right = label == query_labels[row]
            _show(axes, neighbours[row, column])
            for spine in axes.spines.values():
                # Line styles repeat the colour code for colour-blind readers.
                spine.set(
                    visible=True,
                    color=RIGHT if right else WRONG,
                    linewidth=2.5,
                    linestyle="-" if right else (0, (2, 2)),
                    capstyle="butt",
                )
            _name(axes, classes[label], mark="" if right else "✗ ")
    return _png(figure)


def embed_2d(features: np.ndarray, *, limit: int = 1000, seed: int = 0) -> np.ndarray:
    """Embeds features in two dimensions: PCA to 50 dimensions, then t-SNE.

    van der Maaten & Hinton 2008, "Visualizing Data using t-SNE". Distances between clusters and
    cluster sizes are not meaningful in such a map.

    Args:
      features: float [N, D]; the first `limit` are embedded.
      limit: largest number of points; t-SNE takes seconds for a thousand.
      seed: seed of t-SNE.

    Returns:
      Positions float32 [min(N, limit), 2].

    Raises:
      UserError: fewer than four points, or a value that is not finite.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import ThreadpoolController

    x = np.asarray(features, dtype=np.float32)[:limit]
    if len(x) < 4 or not np.isfinite(x).all():
        raise UserError(
            f"a map needs at least four finite feature vectors, but there are {len(x)}"
            if len(x) < 4
            else "the map's features hold NaN or infinity: evaluate an earlier checkpoint"
        )
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    if not np.ptp(x, axis=0).any():
        return np.zeros((len(x), 2), np.float32)  # constant features: t-SNE would divide by zero
    dimensions = min(50, *x.shape)
    x = PCA(dimensions, random_state=seed).fit_transform(x)
    perplexity = min(30.0, (len(x) - 1) / 3)
    init = "pca" if dimensions >= 2 else "random"
    # One thread: for so small a problem, several threads mostly wait for each other.
    with ThreadpoolController().limit(limits=1):
        return TSNE(perplexity=perplexity, init=init, random_state=seed).fit_transform(x)


def class_colours(count: int) -> list[str]:
    """As many colours "#rrggbb" as there are classes."""
    import matplotlib
    from matplotlib.colors import to_hex

    if count <= LISTED:
        palette = matplotlib.colormaps["tab10" if count <= 10 else "tab20"]
        return [to_hex(palette(index)) for index in range(count)]
    return [to_hex(matplotlib.colormaps["hsv"](index / count)) for index in range(count)]


def embedding_map(points: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> bytes:
    """Scatter plot of two-dimensional points, coloured by class.

    Args:
      points: [N, 2], the output of `embed_2d`.
      labels: int [N].
      classes: names of the classes; up to twenty are listed in the legend.

    Returns:
      PNG bytes.
    """
    figure = _canvas(5.6, 5.4)
    axes = figure.add_subplot()
    _style(axes)
    colours = class_colours(len(classes))
    for index in range(len(classes)):
        chosen = np.asarray(labels) == index
        axes.scatter(*points[chosen].T, s=12, color=colours[index], linewidths=0, label=f"{index}")
    axes.set(xticks=[], yticks=[], aspect="equal")
    axes.margins(0.02)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if len(classes) <= LISTED:
        legend = figure.legend(
            loc="outside lower center",
            ncols=min(5, len(classes)),
            frameon=False,
            labelcolor=INK,
            fontsize=10,
            markerscale=2,
            handletextpad=0.1,
        )
        for text, title in zip(legend.get_texts(), classes, strict=True):
            # Set afterwards: a label with "_" in front is left out, and one with "$" is a formula.
            text.set(text=_shorten(title), parse_math=False)
    return _png(figure)


def _canvas(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _style(axes: Axes) -> None:
    axes.patch.set_alpha(0)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=10, length=0)
    axes.xaxis.label.set_size(11)
    axes.yaxis.label.set_size(11)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():  # the page itself names classes in any script
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="png", dpi=150, transparent=True)
    return buffer.getvalue()


def _image_rows(rows: Mapping[str, np.ndarray]) -> bytes:
    count = max(len(images) for images in rows.values())
    figure = _canvas(0.95 * count + 0.4, 0.97 * len(rows) + 0.1)
    grid = figure.subplots(len(rows), count, squeeze=False)
    for row, (name, images) in enumerate(rows.items()):
        for column in range(count):
            _show(grid[row, column], images[column] if column < len(images) else None)
        grid[row, 0].set_ylabel(name, color=GREY, fontsize=10)
    return _png(figure)


def _show(axes: Axes, image: np.ndarray | None) -> None:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.patch.set_alpha(0)
    if image is None:
        return
    image = np.clip(np.asarray(image, dtype=np.float32), 0, 1)
    if image.shape[-1] == 1:
        image = np.repeat(image, 3, axis=-1)
    axes.imshow(image, interpolation="nearest")


def _name(axes: Axes, title: str, mark: str = "") -> None:
    text = mark + _shorten(title)
    axes.set_title(text, fontsize=12, color=GREY, pad=4, parse_math=False)


def _shorten(name: str, length: int = 11) -> str:
    name = printable(name)
    return name if len(name) <= length else name[: length - 1] + "…"
