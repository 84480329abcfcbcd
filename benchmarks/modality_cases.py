"""What `learning_modalities.py` runs: a method on a data set of `modality_data.py`."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Case:
    """A method on a data set.

    Attributes:
      data: name of the data set.
      method: short name of the method.
      experiment: the experiment that is run.
      overrides: what is changed in it, besides its data.
      figure: "reconstruction", "clouds", "map", "nodes", "prediction", "retrieval" or
        "" for none.
    """

    data: str
    method: str
    experiment: str
    overrides: tuple[str, ...] = ()
    figure: str = ""

    @property
    def name(self) -> str:
        """ "modality/data/method"."""
        return f"{self.data}/{self.method}"


_CLOUDS = ("epochs=10",)
_GRAPHS = ("encoder.width=32", "encoder.pool=sum", "epochs=60")
_CONV = ("encoder.width=32", "encoder.depth=4", "epochs=40")
_LETTERS = (
    "encoder.pool=mean_max",
    "views.a.replace_symbols.rate=0.2",
    "views.a.blank_symbols.share=(0.0,0.0)",
    "views.b.replace_symbols.rate=0.2",
    "views.b.blank_symbols.share=(0.0,0.0)",
    "epochs=10",
)
_PIECES = (
    *("encoder.vocabulary=4001", "encoder.embedding_scale=32.0"),
    *("epochs=10", "optimizer.learning_rate=2e-3"),
)
_FRAMES = (
    *("encoder.width=32", "method.basis.width=32", "method.frame.width=32"),
    *("method.temperature=0.5", "epochs=40"),
)

CASES = (
    Case("series/SyntheticControl", "patchtst", "series/patchtst_ucr", (), "reconstruction"),
    Case("series/SyntheticControl", "simclr", "series/simclr_ucr", _CONV),
    Case("series/SyntheticControl", "vicreg", "series/vicreg_ucr", _CONV),
    Case(
        "series/SyntheticControl",
        "ecg_jepa",
        "series/ecg_jepa_ucr",
        ("epochs=200",),
    ),
    Case("series/SyntheticControl", "frame_projections", "series/frame_projections_ucr", _FRAMES),
    Case("series/JapaneseVowels", "patchtst", "series/patchtst_uea", ("views.mask.rows=12",)),
    Case("series/JapaneseVowels", "simclr", "series/simclr_uea", _CONV),
    Case("series/activity", "patchtst", "series/patchtst_activity", (), "reconstruction"),
    Case(
        "series/activity",
        "patchtst_unturned",
        "series/patchtst_activity",
        ("views.series.rotate_sensors.p=0.0",),
    ),
    Case("series/activity", "simclr", "series/simclr_activity"),
    Case(
        "series/activity",
        "simclr_unturned",
        "series/simclr_activity",
        ("views.a.rotate_sensors.p=0.0", "views.b.rotate_sensors.p=0.0"),
    ),
    Case(
        "series/ETTh1",
        "patchtst",
        "series/patchtst_etth1",
        (),
        "reconstruction",
    ),
    Case("tabular/adult", "tjepa", "tabular/tjepa_adult", ("epochs=4",), "map"),
    Case("tabular/adult", "simclr", "tabular/simclr_adult", ("epochs=3",)),
    Case("tabular/adult", "transtab", "tabular/transtab_adult"),
    Case("audio/digits", "ssast", "audio/ssast_digits", ("epochs=60",), "reconstruction"),
    Case("audio/digits", "simclr", "audio/simclr_digits", ("epochs=6",)),
    Case("audio/digits", "wav2vec2", "audio/wav2vec2_digits"),
    Case("audio/digits", "eat", "audio/eat_digits"),
    Case("audio/ESC10", "simclr", "audio/simclr_esc10"),
    Case("audio/ESC10", "eat", "audio/eat_esc10"),
    Case("graph/Cora", "graphmae", "graph/graphmae_cora", (), "nodes"),
    Case("graph/Cora", "self_task", "graph/self_task_cora"),
    Case(
        "graph/MUTAG",
        "graphmae",
        "graph/graphmae_tu",
        (*_GRAPHS, "encoder.depth=5", "views.mask.ratio=0.75"),
    ),
    Case("graph/MUTAG", "simclr", "graph/simclr_tu", _GRAPHS, "map"),
    Case("points/RadHAR", "point_cmae", "points/point_cmae_radhar", _CLOUDS, "clouds"),
    Case("points/RadHAR", "point2vec", "points/point2vec_radhar", _CLOUDS),
    Case("points/RadHAR", "simclr", "points/simclr_radhar", _CLOUDS),
    Case("points/RadHAR", "vicreg", "points/vicreg_radhar", _CLOUDS),
    Case("points/solids", "point_cmae", "points/point_cmae_solids", _CLOUDS, "clouds"),
    Case("points/solids", "point2vec", "points/point2vec_solids", _CLOUDS),
    Case("points/solids", "simclr", "points/simclr_solids", _CLOUDS),
    Case("points/solids", "vicreg", "points/vicreg_solids", _CLOUDS),
    Case("video/actions", "videomae", "video/mae_shapes", ("epochs=20",), "reconstruction"),
    Case("video/actions", "odd_one_out", "video/odd_one_out_shapes"),
    Case("video/actions", "motion_statistics", "video/motion_statistics_shapes"),
    Case("video/actions", "simclr", "video/simclr_shapes"),
    Case("video/RadHAR", "videomae", "video/mae_radhar", (), "reconstruction"),
    Case("video/RadHAR", "odd_one_out", "video/odd_one_out_radhar"),
    Case("video/RadHAR", "simclr", "video/simclr_radhar"),
    Case("text/sst2", "mlm", "text/mlm_sst2", _PIECES),
    Case(
        "text/sst2",
        "rts",
        "text/rts_sst2",
        (*_PIECES, "views.mask.first=1", "views.mask.vocabulary=4001"),
    ),
    Case("text/sst2", "slm", "text/slm_sst2", _PIECES),
    Case("text/sst2", "simcse", "text/simcse_sst2", _PIECES),
    Case("text/sst2", "simclr", "text/simclr_sst2", _PIECES),
    Case("text/ag_news", "mlm", "text/mlm_ag_news", ("epochs=15",), "map"),
    Case("text/ag_news", "slm", "text/slm_ag_news", ("epochs=15",)),
    Case("text/ag_news", "simclr", "text/simclr_ag_news", ("epochs=15",)),
    Case("text/stsb", "mlm", "text/mlm_sst2", _PIECES),
    Case("text/stsb", "simcse", "text/simcse_sst2", _PIECES),
    Case("text/stsb", "simclr", "text/simclr_sst2", _PIECES),
    Case("image_text/shapes", "clip", "image_text/clip_shapes", (), "retrieval"),
    Case("image_text/shapes", "siglip", "image_text/siglip_shapes"),
    Case("image_text/shapes", "tips", "image_text/tips_shapes"),
    Case("biology/splice", "mlm", "biology/mlm_splice", ("epochs=60",), "map"),
    Case("biology/splice", "simclr", "biology/simclr_splice", _LETTERS),
    Case("biology/promoter", "mlm", "biology/mlm_splice"),
    Case("biology/promoter", "simclr", "biology/simclr_splice"),
    Case("biology/gb1", "mlm", "biology/mlm_gb1", (), "prediction"),
    Case("biology/gb1", "simclr", "biology/simclr_gb1"),
)
