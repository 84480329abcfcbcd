import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.nn.positions import (
    INTERPOLATIONS,
    LearnedPositions,
    interpolate,
    sincos_1d,
    sincos_2d,
    sincos_3d,
)


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


def _cubic(x: float, a: float) -> float:
    """The cubic convolution kernel (Keys, 1981, eq. 4), with its free parameter."""
    x = abs(x)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def _upsample_bicubic2d(table: np.ndarray, grid: tuple[int, int], ratio: list[float]) -> np.ndarray:
    """PyTorch's `upsample_bicubic2d`, align_corners=False, in loops; ratio is input over output."""
    rows, columns, dim = table.shape
    out = np.zeros((*grid, dim))
    for i in range(grid[0]):
        for j in range(grid[1]):
            y, x = (i + 0.5) * ratio[0] - 0.5, (j + 0.5) * ratio[1] - 0.5
            top, left = int(np.floor(y)), int(np.floor(x))
            for m in range(-1, 3):
                for n in range(-1, 3):
                    row = min(max(top + m, 0), rows - 1)
                    column = min(max(left + n, 0), columns - 1)
                    weight = _cubic(y - top - m, -0.75) * _cubic(x - left - n, -0.75)
                    out[i, j] += weight * table[row, column]
    return out


def _upsample_bicubic2d_aa(table: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """PyTorch's `_upsample_bicubic2d_aa`, as `interpolate(antialias=True)`, axis by axis."""
    for axis in (0, 1):
        size, out = table.shape[axis], grid[axis]
        scale = size / out
        support = 2.0 * max(scale, 1.0)
        moved = []
        for i in range(out):
            centre = scale * (i + 0.5)
            low = max(int(centre - support + 0.5), 0)
            high = min(int(centre + support + 0.5), size)
            weights = [_cubic((j - centre + 0.5) / max(scale, 1.0), -0.5) for j in range(low, high)]
            part = np.take(table, range(low, high), axis=axis)
            moved.append(np.tensordot(part, np.array(weights) / sum(weights), axes=(axis, 0)))
        table = np.stack(moved, axis=axis)
    return table


@pytest.mark.parametrize("grid", [(6, 6), (14, 9), (3, 5), (16, 16)])
def test_interpolation_by_name_is_that_of_the_published_codes(grid):
    table = np.random.default_rng(0).standard_normal((7, 7, 3))

    def check(name: str, expected: np.ndarray) -> None:
        got = interpolate(jnp.asarray(table, jnp.float32), grid, name)
        np.testing.assert_allclose(got, expected, atol=3e-6)

    check("torch", _upsample_bicubic2d(table, grid, [7 / n for n in grid]))
    # `scale_factor=((w0 + 0.1) / M, ...)`: PyTorch samples by the factor that it is given.
    check("dino", _upsample_bicubic2d(table, grid, [7 / (n + 0.1) for n in grid]))
    check("timm", _upsample_bicubic2d_aa(table, grid))
    check("keys", jax.image.resize(table, (*grid, 3), "bicubic", antialias=False))


def test_interpolations_differ_by_what_they_are_named_for():
    table = jnp.asarray(np.random.default_rng(1).standard_normal((14, 14, 8)), jnp.float32)
    found = {name: interpolate(table, (6, 6), name) for name in INTERPOLATIONS}
    for name in ("torch", "dino", "timm"):
        apart = jnp.linalg.norm(found[name] - found["keys"]) / jnp.linalg.norm(found["keys"])
        assert apart > 0.05, name
        assert interpolate(table, (14, 14), name) is table
    with pytest.raises(UserError, match="did you mean 'dino'"):
        interpolate(table, (6, 6), "dine")


def _mae_2d(dim: int, size: int) -> np.ndarray:
    """MAE's and I-JEPA's `get_2d_sincos_pos_embed`: "here w goes first"."""
    table = np.zeros((size, size, dim))
    omega = [1.0 / 10000 ** (k / (dim / 4)) for k in range(dim // 4)]
    for row in range(size):
        for column in range(size):
            halves = []
            for at in (column, row):
                halves += [np.sin(at * w) for w in omega] + [np.cos(at * w) for w in omega]
            table[row, column] = halves
    return table.reshape(size * size, dim)


def test_sincos_orders_are_those_of_mae_and_of_moco_v3():
    columns, rows = sincos_2d((5, 5), 16, order="columns"), sincos_2d((5, 5), 16)
    np.testing.assert_allclose(columns, _mae_2d(16, 5), atol=1e-7)
    # MoCo v3 meshes its "w" first with "ij" indexing, which is the row of a row-major table.
    np.testing.assert_array_equal(rows, np.roll(columns, 8, axis=1))
    with pytest.raises(UserError, match="'columns'"):
        sincos_2d((5, 5), 16, order="column")


def test_a_vit_takes_order_and_interpolation_by_name():
    x = jnp.zeros((1, 8, 8, 3))
    made = {"patch_size": 4, "width": 16, "heads": 2}
    mae, moco = (ViT(**made, positions=p) for p in ("sincos_mae", "sincos"))
    np.testing.assert_allclose(mae.positions_of(x, 16), _mae_2d(16, 2), atol=1e-7)
    assert not np.array_equal(mae.positions_of(x, 16), moco.positions_of(x, 16))
    layer = LearnedPositions((3, 3), "dino")
    params = layer.init(jax.random.key(0), (3, 3), 4)
    table = params["params"]["table"]
    expected = interpolate(table, (5, 5), "dino").reshape(-1, 4)
    np.testing.assert_array_equal(layer.apply(params, (5, 5), 4), expected)
