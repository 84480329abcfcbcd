"""RegNetYs: timm, torchvision, and SEER's of VISSL."""

from __future__ import annotations

import re

from jssl.encoders.regnet import DESIGNS, RegNet
from jssl.errors import UserError
from jssl.weights.family import IMAGENET, Built, Family, Keys, Layout
from jssl.weights.names import Rule, affine, batch_norm, rule

_TRACKED = r".*\.num_batches_tracked"
_OWN = "stage{s}_block{j}"


def _unit(conv: str, norm: str, target: str, suffix: str) -> tuple[Rule, ...]:
    return (
        rule("|".join(f"{c}.weight" for c in conv.split("|")), f"{target}/conv{suffix}/kernel",
             "conv"),
        *batch_norm(norm, f"{target}/norm{suffix}"),
    )  # fmt: skip


TIMM = Layout(
    "timm",
    (r"stem\.conv\.weight", r"s1\.b1\.conv1\.conv\.weight"),
    (
        rule("stem.conv.weight", "stem_conv/kernel", "conv"),
        *batch_norm("stem.bn", "stem_norm"),
        rule("s{s}.b{j}.conv{c}.conv.weight", "stage{s}_block{j-1}/conv{c-1}/kernel", "conv"),
        *batch_norm("s{s}.b{j}.conv{c}.bn", "stage{s}_block{j-1}/norm{c-1}"),
        *affine("s{s}.b{j}.se.fc1", "stage{s}_block{j-1}/squeeze", "conv"),
        *affine("s{s}.b{j}.se.fc2", "stage{s}_block{j-1}/excite", "conv"),
        rule(
            "s{s}.b{j}.downsample.conv.weight", "stage{s}_block{j-1}/conv_shortcut/kernel", "conv"
        ),
        *batch_norm("s{s}.b{j}.downsample.bn", "stage{s}_block{j-1}/norm_shortcut"),
    ),
    (_TRACKED, r"head\..*"),
)


def _facebook(name: str, stem: str, block: str, last: tuple[str, str], shortcut: tuple[str, str],
              squeeze: tuple[str, str], drop: tuple[str, ...]) -> Layout:  # fmt: skip
    """torchvision's names, and those of VISSL's ClassyVision that they come from."""
    first = block.replace("{s+1}", "2").replace("{s}", "1").replace("{j}", "0").replace(".", r"\.")
    return Layout(
        name,
        (rf"{first}\.f\.a\.0\.weight",),
        (
            rule(f"{stem}.0.weight", "stem_conv/kernel", "conv"),
            *batch_norm(f"{stem}.1", "stem_norm"),
            *_unit(f"{block}.f.a.0", f"{block}.f.a.1", _OWN, "0"),
            *_unit(f"{block}.f.b.0", f"{block}.f.b.1", _OWN, "1"),
            *affine(f"{block}.f.se.{squeeze[0]}", f"{_OWN}/squeeze", "conv"),
            *affine(f"{block}.f.se.{squeeze[1]}", f"{_OWN}/excite", "conv"),
            *_unit(f"{block}.{last[0]}", f"{block}.{last[1]}", _OWN, "2"),
            *_unit(f"{block}.{shortcut[0]}", f"{block}.{shortcut[1]}", _OWN, "_shortcut"),
        ),
        (_TRACKED, *drop),
    )


TORCHVISION = _facebook(
    "torchvision",
    "stem",
    "trunk_output.block{s}.block{s}-{j}",
    ("f.c.0", "f.c.1"),
    ("proj.0", "proj.1"),
    ("fc1", "fc2"),
    (r"fc\..*",),
)
VISSL = _facebook(
    "vissl",
    "conv1.stem",
    "res{s+1}.block{s}-{j}",
    ("f.c", "f.final_bn"),
    ("proj", "bn"),
    ("excitation.0", "excitation.2"),
    (),
)


def _regnet(keys: Keys) -> Built:
    """A `RegNet` of the design whose widths, depths and groups the shapes show."""
    middle = (r"s(\d+)\.b\d+\.conv2\.conv\.weight", r"(?:.*\.)?block(\d+)-\d+\.f\.b\.0\.weight")
    found: dict[int, list[tuple[int, ...]]] = {}
    for name, shape in keys.shapes.items():
        match = next(filter(None, (re.fullmatch(pattern, name) for pattern in middle)), None)
        if match:
            found.setdefault(int(match.group(1)), []).append(shape)
    stages = tuple((s[0][0], len(s), s[0][1]) for _, s in sorted(found.items()))
    variant = next((name for name, design in DESIGNS.items() if design.stages == stages), None)
    if variant is None:
        raise UserError(
            f"{keys.where} is a RegNetY of (width, depth, group) {stages}, which is none of "
            f"{', '.join(DESIGNS)}"
        )
    return Built(RegNet(variant), ((1, 64, 64, 3), "float32"))


_INPUT = {**IMAGENET, "interpolation": "bicubic"}

FAMILIES = (
    Family("timm_regnet", "timm's RegNetYs", (TIMM,), _regnet, preprocessing=_INPUT),
    Family(
        "torchvision_regnet", "torchvision's RegNetYs", (TORCHVISION,), _regnet,
        preprocessing=_INPUT,
    ),
    Family(
        "vissl_regnet", "RegNetYs of VISSL, such as SEER's", (VISSL,), _regnet,
        parts=("_feature_blocks.",), preprocessing=_INPUT,
    ),
)  # fmt: skip
