"""PCA of tokens against scikit-learn, attention maps against a loop, and the page of a ViT."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from jssl.config import experiment as registry
from jssl.evaluation.evaluating import choose, evaluate_run
from jssl.reporting.token_figures import attention_maps, token_figures, token_pca
from jssl.runs.loop import Options
from jssl.runs.run import Run
from jssl.studies import session


def test_colours_are_principal_components():
    tokens = np.random.default_rng(0).normal(size=(4, 9, 6)) * [5, 4, 3, 1, 0.1, 0.1]
    found = token_pca(tokens)
    expected = PCA(3).fit_transform(tokens.reshape(36, 6))
    for c in range(3):  # up to a sign and the cut of the tails
        assert abs(np.corrcoef(found.reshape(36, 3)[:, c], expected[:, c])[0, 1]) > 0.99
    assert found.min() == 0
    assert found.max() == 1


def test_attention_is_read_from_the_class_token():
    maps = np.random.default_rng(0).dirichlet(np.ones(6), size=(2, 3, 6))
    found = attention_maps(maps, 2)
    for b in range(2):
        row = [sum(maps[b, h, 0, 2 + i] for h in range(3)) for i in range(4)]
        spread = (np.array(row) - min(row)) / (max(row) - min(row))
        np.testing.assert_allclose(found[b], spread, atol=1e-6)
    without = attention_maps(maps, 0)
    column = maps[0].mean(axis=(0, 1))
    spread = (column - column.min()) / np.ptp(column)
    np.testing.assert_allclose(without[0], spread, atol=1e-6)


@pytest.mark.rotating
def test_page_of_a_transformer_shows_tokens_and_protocols(tmp_path: Path):
    small = dataclasses.replace(registry.load("image/mae_shapes").smoke(), epochs=0.2)
    run = Run(small, 0, tmp_path / "run")
    options = Options(devices=1, probe_every=0)
    session.train(run, options, evaluate=False, log=lambda line: None)
    evaluate_run(run, choose(["ridge"]), options, log=lambda line: None)
    program, state, splits = session.restore(run, options, log=lambda line: None)
    assert list(token_figures(program, state, splits.test)) == ["Patch tokens"]
    from jssl.reporting.run_page import write_run_page

    page = write_run_page(run, program, state, splits, None).read_text()
    assert "Patch tokens" in page
    assert "ridge" in page
    resnet = registry.load("image/simclr_shapes").smoke()
    assert token_figures(dataclasses.replace(program, experiment=resnet), state, splits.test) == {}
