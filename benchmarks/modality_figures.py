"""One figure a data set for the page: what was hidden and guessed, or a map of features."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
from matplotlib.figure import Figure

from jssl.core.state import TrainState
from jssl.data.source import Splits, read_all
from jssl.data.text import to_text
from jssl.evaluation.protocols.cross_modal import images, texts
from jssl.evaluation.regression import regression_probe
from jssl.evaluation.representations import PARTS, Representations, Row, pooled
from jssl.reporting.figures import embed_2d
from jssl.training.program import Program

INK, GUESS, HIDDEN = "#30363d", "#d1495b", "#edae49"


def reconstruction(program: Program, state: TrainState, splits: Splits, path: Path) -> None:
    """Three test examples: the original, and the reconstruction of what was hidden."""
    experiment = program.experiment
    index = np.linspace(0, len(splits.test) - 1, 3).astype(np.int64)
    batch = {**splits.test[index], "index": index.astype(np.int32)}
    views = experiment.views(jax.random.key(0), batch)
    found = experiment.method.reconstruct(program.at(state), views)
    parts = {name: np.asarray(x) for name, x in found.items()}
    if parts["original"].ndim == 3:
        _series(parts, path)
    elif parts["original"].ndim == 5:
        _films(parts, path)
    else:
        _spectrograms(parts, path)


def _series(parts: dict[str, np.ndarray], path: Path) -> None:
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    for row, axes in enumerate(np.ravel(figure.subplots(3, 1, sharex=True))):
        original, guess = parts["original"][row, :, -1], parts["reconstruction"][row, :, -1]
        hidden = parts["input"][row, :, -1] != original
        steps = np.arange(len(original))
        axes.fill_between(
            steps, *axes_range(original, guess), where=hidden, color=HIDDEN, alpha=0.25, lw=0
        )
        axes.plot(steps, original, color=INK, lw=1.2, label="original")
        axes.plot(steps, np.where(hidden, guess, np.nan), color=GUESS, lw=1.4, label="guessed")
        axes.set_yticks([])
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        if row == 0:
            axes.legend(loc="upper right", frameon=False, ncols=2, fontsize=8)
    axes.set_xlabel("step; hidden patches are shaded")
    save(figure, path)


def _films(parts: dict[str, np.ndarray], path: Path) -> None:
    """The frames of two clips, one below the other: original, what was seen, what was guessed."""
    names = ("original", "input", "reconstruction")
    frames = parts["original"].shape[1]
    figure = Figure(figsize=(9, 9 * 6 / frames + 0.6), layout="constrained")
    grid = figure.subplots(6, frames)
    for row in range(6):
        clip, name = row // 3, names[row % 3]
        low, high = parts["original"][clip].min(), parts["original"][clip].max()
        film = np.clip((parts[name][clip] - low) / max(high - low, 1e-6), 0, 1)
        if film.shape[-1] == 1:
            film = np.repeat(film, 3, axis=-1)
        for frame in range(frames):
            grid[row, frame].imshow(film[frame])
            grid[row, frame].set_xticks([])
            grid[row, frame].set_yticks([])
        grid[row, 0].set_ylabel(name, fontsize=8)
    save(figure, path)


def clouds(program: Program, state: TrainState, splits: Splits, path: Path) -> None:
    """Four test clouds: what was seen, what was guessed of the rest, and what was there."""
    experiment = program.experiment
    index = np.linspace(0, len(splits.test) - 1, 4).astype(np.int64)
    batch = {**splits.test[index], "index": index.astype(np.int32)}
    views = experiment.views(jax.random.key(0), batch)
    found = experiment.method.reconstruct(program.at(state), views)
    seen, guess, true = (np.asarray(found[k]) for k in ("input", "reconstruction", "original"))
    figure = Figure(figsize=(9, 7), layout="constrained")
    for row in range(len(index)):
        # A hidden patch has all its points at its centre in the input.
        hidden = (np.abs(seen[row] - true[row]) > 1e-6).any(axis=1)
        size = program.experiment.encoder.neighbours
        hidden = np.repeat(hidden.reshape(-1, size).any(axis=1), size)
        columns = (
            ("seen", [(true[row][~hidden], INK)]),
            ("with what is guessed", [(true[row][~hidden], INK), (guess[row][hidden], GUESS)]),
            ("what was there", [(true[row][~hidden], INK), (true[row][hidden], HIDDEN)]),
        )
        for column, (title, sets) in enumerate(columns):
            axes = figure.add_subplot(3, len(index), column * len(index) + row + 1, projection="3d")
            for xyz, colour in sets:
                axes.scatter(*xyz.T, s=3, color=colour, linewidths=0)
            axes.set_axis_off()
            axes.set_aspect("equal")
            if row == 0:
                axes.text2D(0.0, 0.95, title, transform=axes.transAxes, fontsize=9)
    save(figure, path)


def axes_range(*lines: np.ndarray) -> tuple[float, float]:
    """From below the lowest of some lines to above the highest."""
    values = np.concatenate(lines)
    gap = 0.1 * (values.max() - values.min())
    return float(values.min() - gap), float(values.max() + gap)


def _spectrograms(parts: dict[str, np.ndarray], path: Path) -> None:
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    grid = figure.subplots(3, 3)
    for column, name in enumerate(("original", "input", "reconstruction")):
        for row in range(3):
            image = parts[name][row, :, :, 0].T
            low, high = np.percentile(parts["original"][row], [1, 99])
            grid[row, column].imshow(image, origin="lower", aspect="auto", vmin=low, vmax=high)
            grid[row, column].set_xticks([])
            grid[row, column].set_yticks([])
        grid[0, column].set_title(name, fontsize=9)
    grid[2, 0].set_xlabel("time", fontsize=8)
    grid[2, 0].set_ylabel("mel band", fontsize=8)
    save(figure, path)


def embedding_map(
    found: dict[str, np.ndarray], labels: np.ndarray, classes: tuple, path: Path
) -> None:
    """Features of several encoders, side by side, in the colours of their classes.

    Laid out by `jssl.reporting.figures.embed_2d`.

    Args:
      found: title -> features [N, D].
      labels: int [N].
      classes: names of the labels.
      path: of the figure.
    """
    figure = Figure(figsize=(4.2 * len(found), 4.0), layout="constrained")
    for axes, (title, features) in zip(
        figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True
    ):
        layout = embed_2d(features, limit=len(features))
        for k in np.unique(labels):
            own = labels == k
            name = classes[k] if len(classes) > k else str(k)
            axes.scatter(*layout[own].T, s=6, alpha=0.7, lw=0, label=name, color=f"C{k % 10}")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(title, fontsize=10)
    handles, names = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="outside lower center",
        frameon=False,
        fontsize=8,
        markerscale=2,
        ncols=7,
    )
    save(figure, path)


def predictions(program: Program, state: TrainState, splits: Splits, path: Path) -> None:
    """Numbers of the test split against those that a ridge regression reads off the features."""
    subject = Representations({"row": Row(program, state)}, splits, program)
    parts = [
        (subject.arrays("row", part, pooled)[0]["pooled"], read_all(subject.source(part))["target"])
        for part in PARTS
    ]
    found = regression_probe(*parts)
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.scatter(parts[2][1], found.predicted, s=5, alpha=0.3, lw=0, color=INK)
    axes.set_xlabel("measured")
    axes.set_ylabel("predicted from frozen features")
    axes.set_title(f"test split, Spearman {found.test.rho:.2f}", fontsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    save(figure, path)


def retrieved(program: Program, state: TrainState, splits: Splits, path: Path) -> None:
    """Five captions of the test split and the images nearest to each; its own has a frame."""
    subject = Representations({"row": Row(program, state)}, splits, program)
    test = read_all(splits.test)
    asked = np.linspace(0, len(splits.test) - 1, 5).astype(np.int64)
    captions = test["captions"][asked, 0]
    similar = texts(subject, "row", captions) @ images(subject, "row", splits.test).T
    nearest = np.argsort(-similar, axis=1)[:, :8]
    figure = Figure(figsize=(8.4, 6.2))  # a constrained layout makes room for a title in one column
    edges = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.96}
    space = {"hspace": 0.3, "wspace": 0.05, **edges}
    grid = figure.subplots(len(asked), nearest.shape[1], gridspec_kw=space)
    for row, axes in enumerate(grid):
        place = int(np.sum(similar[row] > similar[row, asked[row]])) + 1
        said = f"{to_text(captions[row])}    (its own image: place {place})"
        axes[0].set_title(said, loc="left", fontsize=9)
        for column, ax in enumerate(axes):
            ax.imshow(test["image"][nearest[row, column]])
            ax.set_xticks([])
            ax.set_yticks([])
            own = nearest[row, column] == asked[row]
            for side in ax.spines.values():
                side.set(visible=own, color=GUESS, linewidth=3)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, with no record of when."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, metadata={"Software": None})
