from types import SimpleNamespace

import numpy as np
from sklearn.linear_model import Ridge

from jssl.data.forecasting import WindowSource
from jssl.evaluation.forecasting import Windows, forecast_probe
from jssl.evaluation.protocols.forecast import Forecast


def draw(count, seed):
    rng = np.random.default_rng(seed)
    past = rng.normal(2.0, 3.0, size=(count, 12, 2)).astype(np.float32)
    weights = np.random.default_rng(9).normal(size=(12, 4)) / 4
    future = np.einsum("ntc,th->nhc", past, weights) + rng.normal(size=(count, 4, 2))
    spread = np.sqrt(past.var(1, keepdims=True) + 1e-5)
    features = ((past - past.mean(1, keepdims=True)) / spread).transpose(0, 2, 1)
    return Windows(features.astype(np.float32), past, future.astype(np.float32))


def test_the_forecast_is_scikit_learns_ridge_after_normalising_by_the_past():
    train, validation, test = draw(60, 0), draw(30, 1), draw(40, 2)
    found = forecast_probe(train, validation, test, penalties=(0.1, 10.0, 1000.0))
    errors = {}
    for penalty in (0.1, 10.0, 1000.0):
        parts = {}
        for name, part in (("train", train), ("validation", validation), ("test", test)):
            mean = part.past.mean(1)[..., None]
            spread = np.sqrt(part.past.var(1) + 1e-5)[..., None]
            y = (part.future.transpose(0, 2, 1) - mean) / spread
            parts[name] = part.features.reshape(-1, 12), y.reshape(-1, 4), mean, spread
        x, y, *_ = parts["train"]
        shift, scale = x.mean(0), x.std(0)
        model = Ridge(alpha=penalty).fit((x - shift) / scale, y)
        errors[penalty] = {}
        for name, part in (("validation", validation), ("test", test)):
            x, _, mean, spread = parts[name]
            answer = model.predict((x - shift) / scale).reshape(len(part.past), 2, 4)
            error = answer * spread + mean - part.future.transpose(0, 2, 1)
            errors[penalty][name] = (np.mean(error**2), np.mean(np.abs(error)))
    best = min(errors, key=lambda p: errors[p]["validation"][0])
    assert found.penalty == best
    np.testing.assert_allclose(found.validation_mse, errors[best]["validation"][0], rtol=1e-4)
    np.testing.assert_allclose((found.mse, found.mae), errors[best]["test"], rtol=1e-4)


def test_only_the_last_tokens_of_each_channel_are_read():
    source = WindowSource(np.arange(40, dtype=np.float32).reshape(20, 2), 6, 3, 0, 8)
    tokens = np.arange(8 * 2 * 4 * 5).reshape(8, 8, 5)  # 2 channels of 4 tokens of width 5
    experiment = SimpleNamespace(preprocess=SimpleNamespace(field="series"))
    subject = SimpleNamespace(
        source=lambda part: source,
        rows={"row": SimpleNamespace(program="one")},
        program=SimpleNamespace(experiment=experiment),
        arrays=lambda row, source, select: ({"tokens": tokens[: len(source)]}, None),
    )
    for last, wanted in ((None, slice(None)), (3, slice(1, None))):
        found = Forecast(every=2, last=last).windows(subject, "row", "train")
        read = tokens[:4].reshape(4, 2, 4, 5)[:, :, wanted].reshape(4, 2, -1)
        np.testing.assert_array_equal(found.features, read)
        np.testing.assert_array_equal(found.past, source[np.arange(0, 8, 2)]["series"])
