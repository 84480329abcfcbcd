import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations.text import (
    blank_symbols,
    crop_symbols,
    delete_symbols,
    replace_symbols,
    reverse_complement,
    swap_mask,
    symbol_mask,
)
from jssl.data.text import Phrases, Texts, to_text, to_tokens
from jssl.encoders.text import SymbolTransformer
from jssl.errors import UserError

ENCODER = SymbolTransformer(width=8, depth=1, heads=2, vocabulary=9, kernel_init="lecun")
X = np.zeros((2, 5), np.int32)
X[0], X[1, :3] = [1, 2, 3, 4, 5], [6, 7, 8]


def test_padding_changes_no_number():
    mask = jnp.zeros((2, 5), bool).at[:, 1].set(True)
    variables = ENCODER.init(jax.random.key(0), X, mask=mask, train=False)
    run = jax.jit(lambda x, mask: ENCODER.apply(variables, x, mask=mask, train=False))
    a = run(X, mask)
    wide = np.pad(X, ((0, 0), (0, 3)))
    b = run(wide, jnp.pad(mask, ((0, 0), (0, 3))))
    np.testing.assert_allclose(a.pooled, b.pooled, atol=1e-6)
    np.testing.assert_allclose(a.tokens, b.tokens[:, :5], atol=1e-6)
    np.testing.assert_array_equal(b.tokens[:, 5:], 0)
    np.testing.assert_allclose(a.pooled[1], a.tokens[1, :3].mean(0), atol=1e-6)
    assert not np.allclose(a.tokens[1, 0], run(X, mask & False).tokens[1, 0], atol=1e-4)
    with pytest.raises(UserError, match="symbols int"):
        ENCODER.patches(jnp.zeros((2, 5)))


def test_scaled_symbols_start_alike_and_move_faster():
    scaled = ENCODER.clone(embedding_scale=8.0)
    variables, plain = (e.init(jax.random.key(0), X, train=False) for e in (scaled, ENCODER))
    table = variables["params"]["symbols"]
    np.testing.assert_allclose(8.0 * table, plain["params"]["symbols"], rtol=1e-6)

    def tokens(encoder, variables, moved):
        params = variables["params"] | {"symbols": variables["params"]["symbols"] + moved}
        return encoder.apply({"params": params}, X, train=False).tokens

    for step in (0.0, 0.01):
        a, b = tokens(scaled, variables, step), tokens(ENCODER, plain, 8.0 * step)
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_texts_are_bytes_and_go_back(tmp_path):
    tokens = to_tokens(["ab", "ä" * 4], 6)
    np.testing.assert_array_equal(tokens[0], [98, 99, 0, 0, 0, 0])
    assert to_text(tokens[0]) == "ab" and to_text(tokens[1]) == "äää"
    lines = [f'{1 + i % 3},"title {i}","said ""so"""' for i in range(12)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    spec = Texts(str(tmp_path / "a.csv"), text=(1, 2), label=0, delimiter=",", fraction=0.25)
    splits = spec.load()
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [6, 3, 3]
    assert to_text(splits.test[0]["text"]).endswith('said "so"')
    with pytest.raises(UserError, match="too few columns"):
        Texts(str(tmp_path / "a.csv"), delimiter="\t").load()
    few, more = Phrases(train=4).load().train[:], Phrases(train=8).load().train[:]
    np.testing.assert_array_equal(few["text"], more["text"][:4])


def test_masks_and_views_know_the_end():
    x = jnp.asarray([5, 6, 7, 8, 1, 2, 3, 4, 0, 0])
    key = jax.random.key(0)
    mask = np.asarray(symbol_mask(key, {"text": x}, ratio=0.5)["mask"])
    assert mask.sum() == 4 and not mask[8:].any()
    for vocabulary in (None, 30):
        swap = swap_mask(key, {"text": x}, ratio=0.75, vocabulary=vocabulary)
        places, symbols = np.asarray(swap["mask"]), np.asarray(swap["symbols"])
        assert 3 <= places.sum() <= 6 and not places[8:].any()
        assert (symbols != np.asarray(x))[places].all() and symbols.min() > 0
        assert vocabulary or set(symbols) <= set(np.asarray(x[:8]))
    drawn = jax.vmap(lambda k: swap_mask(k, {"text": x}, vocabulary=30, first=20)["symbols"])(
        jax.random.split(key, 40)
    )
    assert set(np.asarray(drawn).ravel()) == set(range(20, 30))
    left = np.asarray(delete_symbols(key, x, rate=0.5))
    kept = left[left != 0]
    assert 0 < len(kept) < 8 and not left[len(kept) :].any()
    text = list(np.asarray(x))
    places = [text.index(symbol) for symbol in kept]
    assert places == sorted(places)
    cut = np.asarray(crop_symbols(key, x, share=(0.5, 0.5)))
    start = text.index(cut[0])
    np.testing.assert_array_equal(cut, [*text[start : start + 4], *[0] * 6])


def test_symbols_are_redrawn_blanked_and_mirrored():
    x = jnp.asarray([1, 2, 3, 4, 1, 5, 2, 2, 0, 0])
    key = jax.random.key(1)
    drawn = np.asarray(replace_symbols(key, jnp.tile(x, 50), vocabulary=5, rate=0.5)).reshape(
        50, 10
    )
    assert not drawn[:, 8:].any() and drawn[:, :5].max() == 4 and drawn[:, :8].min() == 1
    changed = np.mean(drawn[:, :8] != np.asarray(x)[:8])
    assert 0.3 < changed < 0.5  # half are drawn, a quarter of those as they were
    blank = np.asarray(blank_symbols(key, x, symbol=9, share=(0.5, 0.5)))
    (places,) = np.nonzero(blank == 9)
    np.testing.assert_array_equal(places, np.arange(places[0], places[0] + 4))
    np.testing.assert_array_equal(np.delete(blank, places), np.delete(np.asarray(x), places))
    other = reverse_complement(key, x)
    np.testing.assert_array_equal(other, [3, 3, 5, 4, 1, 2, 3, 4, 0, 0])
    np.testing.assert_array_equal(reverse_complement(key, other), x)
