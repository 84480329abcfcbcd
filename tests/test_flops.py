"""The count of operations, against closed forms."""

import jax
import jax.numpy as jnp
import pytest

from jssl.encoders.vit import ViT
from jssl.nn.conv import conv2d
from jssl.plan import flops

pytestmark = pytest.mark.optimised


def traced(function, *arguments) -> flops.Flops:
    return flops.count(jax.make_jaxpr(function)(*arguments))


def vit_operations(batch: int, patches: int, inputs: int, width: int, depth: int) -> float:
    """Multiply-adds of a ViT with a class token, twice; forward."""
    tokens = patches + 1
    projections = 3 * width**2 + width**2  # queries, keys, values; output
    attention = 2 * tokens * width  # scores and mixtures, per token
    block = tokens * (projections + attention + 2 * 4 * width**2)
    return 2.0 * batch * (patches * inputs * width + depth * block)


@pytest.mark.parametrize(("scan", "remat"), [(False, "none"), (True, "none"), (True, "full")])
def test_a_vit_and_its_gradient(scan: bool, remat: str) -> None:
    model = ViT("Ti", patch_size=4, width=32, depth=3, heads=2, scan=scan, remat=remat)
    x = jnp.zeros((2, 16, 16, 3))
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), x, train=True))

    def loss(variables) -> jax.Array:
        return jnp.sum(model.apply(variables, x, train=True).pooled)

    forward = vit_operations(2, 16, 48, 32, 3)
    embedding = 2.0 * 2 * 16 * 48 * 32
    assert traced(loss, variables).total == forward
    # Backward, each product has two: one to its kernel, one to its input; the image needs none.
    again = forward - embedding if remat == "full" else 0.0
    backward = traced(jax.grad(loss), variables).total
    assert backward == pytest.approx(3 * forward - embedding + again, rel=0.12 if again else 1e-9)
    assert not again or backward > 3 * forward


def test_convolutions_of_the_chosen_platform() -> None:
    x, kernel = jnp.zeros((2, 8, 8, 3)), jnp.zeros((3, 3, 3, 5))
    once = 2.0 * 2 * 8 * 8 * 5 * 27

    def gradient(stride):
        loss = lambda x, k: jnp.sum(conv2d(x, k, stride))  # noqa: E731
        return jax.make_jaxpr(jax.grad(loss, argnums=(0, 1)))(x, kernel)

    assert traced(conv2d, x, kernel) == flops.Flops(convolutions=once)
    assert flops.count(gradient(1), platform="cpu") == flops.Flops(convolutions=3 * once)
    # With strides the rule of a CPU takes products for the kernel, others take convolutions.
    assert flops.count(gradient(2), platform="cpu").products == once / 4
    for stride in (1, 2):
        elsewhere = flops.count(gradient(stride), platform="tpu")
        assert elsewhere.products == 0
        assert elsewhere.convolutions >= 2 * once / stride**2


def test_loops_and_branches() -> None:
    a = jnp.zeros((4, 4))
    once = 2.0 * 4**3

    def scanned(a):
        return jax.lax.scan(lambda c, _: (c @ a, None), a, length=7)[0]

    def until(a, n):
        return jax.lax.fori_loop(0, n, lambda i, c: c @ a, a)

    def either(a, which):
        return jax.lax.cond(which, lambda a: a @ a, lambda a: a @ a @ a, a)

    assert traced(jax.jit(scanned), a).total == 7 * once
    assert traced(until, a, 3) == flops.Flops(once, 0.0, 1)
    assert traced(either, a, True).total == 2 * once
