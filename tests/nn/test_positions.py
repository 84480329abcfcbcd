import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.errors import UserError
from jssl.nn.positions import LearnedPositions, interpolate, sincos_1d, sincos_2d, sincos_3d


def test_sincos_equals_its_definition():
    table = sincos_2d((3, 5), 16)
    assert table.shape == (15, 16)
    assert table.dtype == np.float32
    for row in range(3):
        for column in range(5):
            for i in range(4):
                wave = 10000 ** (-i / 4)
                cell = table[row * 5 + column]
                assert cell[i] == pytest.approx(np.sin(row * wave), abs=1e-6)
                assert cell[4 + i] == pytest.approx(np.cos(row * wave), abs=1e-6)
                assert cell[8 + i] == pytest.approx(np.sin(column * wave), abs=1e-6)
                assert cell[12 + i] == pytest.approx(np.cos(column * wave), abs=1e-6)


def test_a_reference_grid_stretches_the_coordinates():
    np.testing.assert_array_equal(sincos_2d((4, 4), 8, (4, 4)), sincos_2d((4, 4), 8))
    coarse = sincos_2d((2, 1), 8, (4, 1))  # its cells' centres lie at rows 0.5 and 2.5
    np.testing.assert_allclose(coarse[:, :4], sincos_1d(np.array([0.5, 2.5]), 4), atol=1e-6)
    with pytest.raises(UserError, match="divisible by 4, not 6"):
        sincos_2d((2, 2), 6)
    with pytest.raises(UserError, match="even width, not 3"):
        sincos_1d(np.arange(2), 3)


def test_three_dimensions_are_time_beside_place():
    table = sincos_3d((3, 2, 4), 20).reshape(3, 2, 4, 20)
    for frame in range(3):
        np.testing.assert_allclose(table[frame, ..., 8:].reshape(8, 12), sincos_2d((2, 4), 12))
        time = sincos_1d(np.array([frame]), 8)[0]
        np.testing.assert_allclose(table[frame, ..., :8], np.broadcast_to(time, (2, 4, 8)))
    assert sincos_3d((2, 2, 2), 8).shape == (8, 8)
    with pytest.raises(UserError, match="even width from 8 up, not 6"):
        sincos_3d((2, 2, 2), 6)


def test_learned_table_is_resampled_for_another_grid():
    layer = LearnedPositions()
    table, variables = layer.init_with_output(jax.random.key(0), (4, 6), 3)
    own = variables["params"]["table"]
    np.testing.assert_array_equal(table, own.reshape(24, 3))
    assert layer.apply(variables, (2, 3), 3).shape == (6, 3)
    ramp = jnp.broadcast_to(jnp.arange(8.0)[:, None, None], (8, 8, 1))
    half = interpolate(ramp, (4, 4))  # inside, a cubic reproduces a ramp: rows 2.5 and 4.5
    np.testing.assert_allclose(half[1:3, 1, 0], [2.5, 4.5], atol=1e-5)
    fixed = LearnedPositions((2, 2)).init(jax.random.key(0), (4, 4), 3)
    assert fixed["params"]["table"].shape == (2, 2, 3)
