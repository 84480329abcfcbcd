"""The contract of methods: steps, declared views, and no method on top of another."""

import dataclasses
import gc
import inspect
import weakref

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.config import experiment as registry
from jssl.encoders.mlp import MLP
from jssl.encoders.series import SeriesTransformer
from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.methods.base import Method
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.masked.mae import MAE
from jssl.methods.siamese import Siamese
from jssl.methods.step import Step
from jssl.methods.teacher import MomentumTeacher, new_teacher
from jssl.methods.views import Spec
from jssl.nn.heads import MLPHead
from jssl.training import sharding
from jssl.training.program import build

KEY = jax.random.key(0)
HOOKS = ("forward", "objective", "remember", "after_update", "next_params", "monitor", "encode")


def test_no_method_inherits_from_a_method() -> None:
    kinds = set(registry.methods().values())
    for kind in kinds:
        above = [parent.__name__ for parent in kind.__mro__[1:] if parent in kinds]
        assert not above, f"{kind.__name__} inherits from {', '.join(above)}"


@pytest.mark.parametrize("name", sorted(registry.methods()))
def test_hooks_take_a_step_and_views_are_declared(name: str) -> None:
    kind = registry.methods()[name]
    for hook in HOOKS:
        assert list(inspect.signature(getattr(kind, hook)).parameters)[:2] == ["self", "step"]
    assert kind.views.views, f"{name} declares no views"


def small_net() -> tuple[Step, jax.Array]:
    net = Siamese(MLP(hidden=(4,)), MLPHead((4,), 3, norm="batch"))
    x = jax.random.normal(KEY, (5, 2, 2, 1))
    variables = dict(net.init(KEY, x, train=True))
    return Step(net, variables.pop("params"), variables, key=KEY), x


def test_running_the_student_moves_its_statistics_and_the_teacher_does_not() -> None:
    step, x = small_net()
    before = jax.tree.map(np.asarray, step.batch_stats)
    step.memory = {"teacher": new_teacher(step.params, step.batch_stats)}
    taught, _ = step.teacher(x)
    chex.assert_trees_all_equal(step.batch_stats, before)
    own, _ = step.student(x)
    np.testing.assert_allclose(taught, own, rtol=1e-6)
    assert any(
        np.any(a != b)
        for a, b in zip(jax.tree.leaves(step.batch_stats), jax.tree.leaves(before), strict=True)
    )
    slope = jax.grad(lambda p: jnp.sum(step.replace(params=p).teacher(x)[0]))(step.params)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(slope))


def test_a_teacher_may_have_parts_of_the_net() -> None:
    step, _ = small_net()
    rule = MomentumTeacher(0.5, 0.5, of=("projector",))
    teacher = rule.new(step)
    assert set(teacher["params"]) == {"projector"}
    moved = rule.update(step.replace(params=jax.tree.map(lambda x: x + 2.0, step.params)), teacher)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b + 1.0, rtol=1e-6),
        moved["params"],
        teacher["params"],
    )


def program_of(method: Method, like: str, **changes):
    """The program of a method on the views of another method's experiment."""
    other = registry.load(like).smoke()
    other = dataclasses.replace(other, method=method, batch_size=4, **changes)
    train = other.data.load().train
    return build(other, train[0], len(train), sharding.make_mesh(1))


@pytest.mark.parametrize(
    ("method", "like", "words"),
    [
        (
            MAE(),
            "image/simclr_shapes",
            r"MAE reads .*'mask'.* are 'a' and 'b'.* no 'mask'",
        ),
        (SimCLR(), "image/mae_shapes", r"SimCLR reads 'a' and 'b'.* no 'a' or 'b'"),
        (SimCLR(), "image/rotnet_shapes", r"SimCLR reads 'a' and 'b'.* are 'image'.* no 'a'"),
        (MAE(), "image/ijepa_shapes", r"MAE reads .* of the view 'mask', which has .*'targets'"),
    ],
)
def test_views_that_do_not_fit_are_named_before_anything_compiles(method, like, words) -> None:
    with pytest.raises(UserError, match=words):
        program_of(method.smoke(), like)


def test_a_mask_of_another_grid_is_named() -> None:
    encoder = ViT("Ti", patch_size=16, width=8, depth=1, heads=2)
    with pytest.raises(UserError, match=r"made for 64 tokens, and the encoder of MAE .* into 4 "):
        program_of(MAE().smoke(), "image/mae_shapes", encoder=encoder)


def test_more_steps_than_a_counter_holds_are_refused() -> None:
    for epochs in (1e9, 1e30):
        with pytest.raises(UserError, match=r"fewer than 2\*\*31: choose at most \d+ epochs"):
            program_of(SimCLR().smoke(), "image/simclr_shapes", epochs=epochs)


def test_the_grid_of_a_series_has_a_row_for_each_channel() -> None:
    encoder = SeriesTransformer(patch=12, width=8, depth=1, heads=1)
    views = {
        "series": jax.ShapeDtypeStruct((4, 96, 2), jnp.float32),
        "mask": {"mask": jax.ShapeDtypeStruct((4, 8), jnp.bool_)},
    }
    with pytest.raises(UserError, match=r"for 8 tokens, .* into 16 \(2 x 8\): give the mask"):
        (Spec.single() + Spec.mask("mask")).check("PatchTST", views, encoder)


def test_specs_add_up_and_optional_views_may_be_missing() -> None:
    spec = Spec.multicrop() + Spec.mask("keep")
    x = jax.ShapeDtypeStruct((2, 4, 4, 3), jnp.float32)
    keep = jax.ShapeDtypeStruct((2, 3), jnp.int32)
    spec.check("Some", {"a": x, "b": x, "mask": {"keep": keep}})
    with pytest.raises(UserError, match="is an array without entries"):
        spec.check("Some", {"a": x, "b": x, "mask": keep})
    with pytest.raises(UserError, match="takes one input"):
        Spec.single().check("Some", {"a": x, "b": x})


def test_no_step_outlives_its_trace() -> None:
    kept = []

    @dataclasses.dataclass(frozen=True)
    class Watched(SimCLR):
        def forward(self, step, views):
            kept.append(weakref.ref(step))
            return super().forward(step, views)

    program = program_of(Watched(hidden=(8,), out=4), "image/simclr_shapes")
    batch = {k: jax.ShapeDtypeStruct((4, *x.shape), x.dtype) for k, x in program.example.items()}
    jax.eval_shape(program.train_step, program.abstract_state, batch, KEY)
    jax.clear_caches()
    gc.collect()
    assert kept and all(step() is None for step in kept)


def test_attributes_of_former_names_are_read() -> None:
    class Own(SimCLR):
        amplifies = 3.0
        permutable = False
        unreached = ("decoder/",)

    own = (Own.tolerance_factor, Own.permutation_invariant, Own.unused_params)
    assert own == (3.0, False, ("decoder/",))
    assert SimCLR.tolerance_factor == 1.0


def test_hooks_of_the_former_contract_are_named() -> None:
    with pytest.raises(
        UserError, match=r"Old.objective takes 'outputs' first.*self, step, outputs"
    ):

        class Old(SimCLR):
            def objective(self, outputs, memory, *, rng, clock):
                return 0.0, (memory, {})
