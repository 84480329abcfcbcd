import jax.numpy as jnp
import numpy as np
import pytest

from jssl.errors import UserError
from jssl.nn.patches import patch_grid, patchify, unpatchify


def test_patches_are_the_pieces_of_the_image_in_order():
    images = np.random.default_rng(0).random((2, 6, 9, 2)).astype(np.float32)
    patches = np.asarray(patchify(jnp.asarray(images), 3))
    assert patches.shape == (2, 6, 18)
    for row in range(2):
        for column in range(3):
            piece = images[1, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
            np.testing.assert_array_equal(patches[1, 3 * row + column], piece.reshape(-1))
    np.testing.assert_array_equal(unpatchify(jnp.asarray(patches), 3, (2, 3)), images)


def test_a_patch_must_divide_the_image():
    assert patch_grid(8, 4) == (2, 2)
    with pytest.raises(UserError, match=r"32x30 pixels .* multiples of 4"):
        patch_grid((32, 30), 4)
