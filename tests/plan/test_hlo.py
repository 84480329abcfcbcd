"""What a compiled program moves, on programs whose exchanges are known."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jssl.plan.hlo import moved
from jssl.training import sharding

pytestmark = pytest.mark.optimised


def compiled(function, mesh, *specs):
    places = [NamedSharding(mesh, spec) for _, spec in specs]
    shapes = [
        jax.ShapeDtypeStruct(shape, jnp.float32, sharding=place)
        for (shape, _), place in zip(specs, places, strict=True)
    ]
    return jax.jit(function, out_shardings=NamedSharding(mesh, PartitionSpec())).lower(*shapes)


def test_a_gradient_is_summed_over_all_devices_in_each_turn_of_a_loop() -> None:
    mesh = sharding.make_mesh(8)

    def steps(x, w):
        def step(w, _):
            return w - jnp.einsum("bi,bo->io", x, jnp.tanh(x @ w)), None

        return jax.lax.scan(step, w, length=5)[0]

    data = ((64, 32), PartitionSpec(("data", "fsdp")))
    weights = ((32, 16), PartitionSpec())
    found = moved(compiled(steps, mesh, data, weights).compile().as_text())
    (sums,) = [c for c in found.collectives if c.kind == "all-reduce"]
    assert (sums.group, sums.count) == (8, 5)
    assert sums.size == 5 * 4 * 32 * 16
    assert sums.sent == 2 * sums.size * 7 / 8
    assert found.sent == sums.sent
    # At the least, each turn reads the device's rows and both copies of the weights.
    assert found.memory >= 5 * 4 * (8 * 32 + 2 * 32 * 16)


LOOP = """
%body (state: (s32[], f32[64])) -> (s32[], f32[64]) {
  %state = (s32[], f32[64]{0}) parameter(0)
  %turn = s32[] get-tuple-element(%state), index=0
  %x = f32[64]{0} get-tuple-element(%state), index=1
  %next = s32[] add(%turn, %turn)
  %sum = f32[64]{0} all-reduce(%x), replica_groups={{0,1,2,3}}, to_apply=%add
  ROOT %both = (s32[], f32[64]{0}) tuple(%next, %sum)
}

%condition (state: (s32[], f32[64])) -> pred[] {
  %last = s32[]{:T(128)} constant(40)
  %state = (s32[], f32[64]{0}) parameter(0)
  %turn = s32[]{:T(128)} get-tuple-element(%state), index=0
  ROOT %less = pred[]{:T(512)} compare(%turn, %last), direction=LT
}

ENTRY %main (x: f32[64]) -> f32[64] {
  %x = f32[64]{0} parameter(0)
  %first = s32[] constant(4)
  %start = (s32[], f32[64]{0}) tuple(%first, %x)
  %loop = (s32[], f32[64]{0}) while(%start), condition=%condition, body=%body
  ROOT %out = f32[64]{0} get-tuple-element(%loop), index=1
}
"""


def test_a_tpu_writes_no_number_of_turns_but_its_condition_has_it() -> None:
    found = moved(LOOP)
    (sums,) = found.collectives
    assert (found.unknown, sums.count, sums.size) == (0, 36, 36 * 4 * 64)
    assert moved(LOOP.replace("constant(40)", "constant(4)")).sent == 0  # it never turns
    unknown = moved(LOOP.replace("direction=LT", "direction=NE"))
    assert (unknown.unknown, unknown.collectives[0].count) == (1, 1)


def test_parameters_in_pieces_are_gathered() -> None:
    mesh = sharding.make_mesh(8, fsdp=8)

    def product(x, w):
        w = jax.lax.with_sharding_constraint(w, NamedSharding(mesh, PartitionSpec()))
        return x @ w

    data = ((8, 64), PartitionSpec())
    weights = ((64, 128), PartitionSpec("fsdp"))
    found = moved(compiled(product, mesh, data, weights).compile().as_text())
    (gathered,) = found.collectives
    assert (gathered.kind, gathered.group, gathered.count) == ("all-gather", 8, 1)
    assert gathered.size == 4 * 64 * 128
    assert gathered.sent == gathered.size * 7 / 8


STACK = """
%slice (stack: f32[12,64], turn: s32[]) -> f32[64] {
  %stack = f32[12,64]{1,0} parameter(0)
  %turn = s32[] parameter(1)
  %one = f32[1,64]{1,0} dynamic-slice(%stack, %turn), dynamic_slice_sizes={1,64}
  ROOT %row = f32[64]{0} bitcast(%one)
}

%turn (saved: f32[12,64], kept: f32[12,64], turn: s32[], other: f32[64]) -> (f32[12,64], f32[64]) {
  %saved = f32[12,64]{1,0} parameter(0)
  %kept = f32[12,64]{1,0} parameter(1)
  %turn = s32[] parameter(2)
  %other = f32[64]{0} parameter(3)
  %row = f32[64]{0} fusion(%saved, %turn), kind=kLoop, calls=%slice
  %sum = f32[64]{0} add(%row, %other)
  %flat = f32[1,64]{1,0} bitcast(%sum)
  %stacked = f32[12,64]{1,0} dynamic-update-slice(%kept, %flat, %turn)
  ROOT %out = (f32[12,64]{1,0}, f32[64]{0}) tuple(%stacked, %sum)
}

ENTRY %main (saved: f32[12,64], kept: f32[12,64], turn: s32[], other: f32[64]) -> f32[64] {
  %saved = f32[12,64]{1,0} parameter(0)
  %kept = f32[12,64]{1,0} parameter(1)
  %turn = s32[]{:T(128)S(6)} parameter(2)
  %other = f32[64]{0} parameter(3)
  ROOT %all = (f32[12,64]{1,0}, f32[64]{0}) fusion(%saved, %kept, %turn, %other), calls=%turn
}
"""


def test_of_what_a_loop_stacks_a_turn_reads_and_writes_one_slice() -> None:
    # Read: a saved slice, the other vector, the counter; written: the new slice and the sum.
    assert moved(STACK).memory == 4 * 64 * 2 + 4 + 4 * 64 * 2
    # Where the whole stack is used as well, all of it is read.
    whole = STACK.replace("add(%row, %other)", "custom-call(%row, %other, %saved)")
    assert moved(whole).memory == 4 * 64 * 12 + 4 * 64 + 4 + 4 * 64 * 2


MOVES = """
ENTRY %main (x: f32[64]) -> f32[16] {
  %x = f32[64]{0} parameter(0)
  %kept = (f32[64]{0:T(128)S(1)}, f32[64]{0:T(128)}, u32[]{:S(2)}) copy-start(%x)
  %fast = f32[64]{0:T(128)S(1)} copy-done(%kept)
  %part = ((f32[64]{0}), f32[16]{0:S(1)}, s32[]{:S(2)}) slice-start(%x), slice={[0:16]}
  ROOT %out = f32[16]{0:S(1)} slice-done(%part)
}
"""


def test_what_moves_between_the_two_memories_of_a_tpu_is_read_or_written_once() -> None:
    assert moved(MOVES).memory == 4 * (64 + 16)
