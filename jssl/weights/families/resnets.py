"""ResNets and RegNets: torchvision, timm, and the releases of self-supervised methods."""

from __future__ import annotations

from jssl.encoders.resnet import DEPTHS, ResNet
from jssl.errors import UserError
from jssl.weights.family import IMAGENET, Built, Family, Keys, Layout, replaced
from jssl.weights.names import batch_norm, rule

_TRACKED = r".*\.num_batches_tracked"

RESNET = Layout(
    "torchvision",
    (r"conv1\.weight", r"bn1\.weight", r"layer1\.0\.conv1\.weight"),
    (
        rule("conv1.weight", "stem_conv/kernel", "conv"),
        *batch_norm("bn1", "stem_norm"),
        rule("layer{s}.{j}.conv{c}.weight", "stage{s}_block{j}/conv{c-1}/kernel", "conv"),
        *batch_norm("layer{s}.{j}.bn{c}", "stage{s}_block{j}/norm{c-1}"),
        rule("layer{s}.{j}.downsample.0.weight", "stage{s}_block{j}/conv_shortcut/kernel", "conv"),
        *batch_norm("layer{s}.{j}.downsample.1", "stage{s}_block{j}/norm_shortcut"),
    ),
    (_TRACKED, r"fc\..*"),
)


def _resnet(keys: Keys) -> Built:
    """A `ResNet` of the depth, width and stem that the shapes show."""
    stem = keys.shape("conv1.weight")
    blocks = tuple(keys.count(rf"layer{s}\.(\d+)\.conv1\.weight") for s in range(1, 5))
    kind = "bottleneck" if keys.has(r"layer1\.0\.conv3\.weight") else "basic"
    depth = next((d for d, design in DEPTHS.items() if design == (kind, blocks)), None)
    if depth is None:
        raise UserError(
            f"{keys.where} is a ResNet of {kind} blocks {blocks}, which is none of the depths "
            f"{', '.join(map(str, DEPTHS))}"
        )
    kinds = {7: "imagenet", 3: "cifar"}
    if stem[-1] not in kinds:
        raise UserError(f"{keys.where} has a stem of {stem[-1]} pixels; 3 and 7 are known")
    inner = keys.shape("layer1.0.conv1.weight")[0] / stem[0]  # 2 in a wide ResNet-50-2
    encoder = ResNet(depth=depth, stem=kinds[stem[-1]], width=stem[0] / 64, inner=inner)
    return Built(encoder, ((1, 64, 64, stem[1]), "float32"))


_SUPERVISED = Family(
    "resnet",
    "ResNets of torchvision and timm, and releases that keep these names (DINO's and BYOL's "
    "converted ResNet-50, MSN's)",
    (RESNET,),
    _resnet,
    preprocessing={**IMAGENET, "interpolation": "bilinear"},
)


def _release(name: str, about: str, *heads: str, **changes: object) -> Family:
    layout = Layout(RESNET.name, RESNET.marks, RESNET.rules, (*RESNET.drop, *heads))
    return replaced(_SUPERVISED, name=name, about=about, layouts=(layout,), **changes)


FAMILIES = (
    _SUPERVISED,
    _release(
        "moco",
        "MoCo v1 and v2 (the query encoder), and MoCo v3's ResNet-50",
        parts=("encoder_q.", "base_encoder."),
    ),
    _release("swav", "SwAV and DeepCluster v2", r"projection_head\..*", r"prototypes.*"),
    _release(
        "barlow_twins", "Barlow Twins", r"projector\..*", r"bn\.running_.*", parts=("backbone.",)
    ),
    _release("vicreg", "VICReg", r"projector\..*", parts=("backbone.",)),
    _release(
        "simclr",
        "SimCLR v1, converted to PyTorch; images in [0, 1] without mean and deviation",
        preprocessing={**IMAGENET, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)},
    ),
    _release("vissl_resnet", "ResNets of VISSL", parts=("_feature_blocks.",)),
)
