"""A tiny valid input for every data source, by the name of its class: what the walk mutates.

A source that reads files has one or more `Tiny` in `READERS`; its `make` writes the files into an
empty folder and returns the spec. A source that draws its examples stands in `PROCEDURAL`.
"""

from __future__ import annotations

import gzip
import json
import pickle
import zipfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tiny_own
import tiny_pictures
from PIL import Image
from scipy.io import wavfile
from scipy.sparse import csr_matrix
from tfds_files import write_tiny_set

from jssl import data
from jssl.data.cells import Described
from jssl.data.file_list import FileList
from jssl.data.radar_clips import RadHARClips
from jssl.data.tables import Factors, RandomRows
from jssl.data.video_list import VideoFiles
from jssl.data.wordpiece import PiecedPairs, PiecedTexts, WordPiece

RANDOM = np.random.default_rng(0)


@dataclass(frozen=True)
class Tiny:
    """How a source is tried.

    Attributes:
      source: the class.
      make: writes the files into a folder and returns the spec.
      named: whether the columns of its CSV files are known by their names, so that their order
        carries no meaning.
      form: what tells several inputs of one source apart.
      needs: modules of extras that it needs.
    """

    source: type
    make: Callable[[Path], Any]
    named: bool = False
    form: str = ""
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the test."""
        return self.source.__name__ + (f" {self.form}" if self.form else "")


def write(path: Path, lines: list[str]) -> str:
    """Writes lines of text and returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def _pixels(count: int, *shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, (count, *shape), dtype=np.uint8)


def _folder(root: Path) -> Any:
    for part, count in (("train", 10), ("test", 2)):
        for name in ("cat", "dog"):
            (root / part / name).mkdir(parents=True)
            for k, image in enumerate(_pixels(count, 6, 8, 3)):
                Image.fromarray(image).save(root / part / name / f"{k}.png")
    return data.ImageFolder(str(root), size=6)


def _npz(root: Path) -> Any:
    arrays = {"train_image": _pixels(20, 4, 4, 3), "train_label": np.arange(20) % 2}
    arrays |= {"test_image": _pixels(4, 4, 4, 3), "test_label": np.arange(4) % 2}
    factor = {"train_factor/x": np.arange(20.0), "test_factor/x": np.arange(4.0)}
    np.savez(root / "a.npz", **arrays, **factor, classes=np.array(["a", "b"]))
    return data.Npz(str(root / "a.npz"))


def _part(root: Path) -> Any:
    return data.Part(_npz(root), train=8, test=2)


def _clips(root: Path) -> Any:
    np.savez(
        root / "a.npz",
        train_video=_pixels(20, 3, 4, 4, 1),
        train_label=np.arange(20) % 2,
        test_video=_pixels(4, 3, 4, 4, 1),
        test_label=np.arange(4) % 2,
    )
    return data.Clips(str(root / "a.npz"))


def _videos(root: Path) -> Any:
    import av

    for name in ("run", "sit"):
        (root / name).mkdir()
        for k in range(3):
            with av.open(str(root / name / f"{k}.mp4"), "w") as container:
                stream = container.add_stream("mpeg4", rate=8)
                stream.width = stream.height = 16
                stream.pix_fmt = "yuv420p"
                for pixels in _pixels(6, 16, 16, 3):
                    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
    return data.VideoFolder(str(root), frames=3, stride=1, size=8, fraction=0.34)


def _listed_videos(root: Path) -> Any:
    spec = _videos(root)
    names = [f"{name}/{k}.mp4" for name in ("run", "sit") for k in range(3)]
    lines = ["file,class", *(f"{name},{name[:3]}" for name in names)]
    train, test = (
        write(root / "train.csv", lines[:5]),
        write(root / "test.csv", lines[:1] + lines[5:]),
    )
    return replace(spec, train=train, test=test, header=True)


def _own_videos(root: Path) -> Any:
    _videos(root)
    return VideoFiles(files=FileList(str(root)), frames=3, stride=1, size=8)


def _captions(root: Path) -> Any:
    (root / "images").mkdir()
    found = {"images": [], "annotations": []}
    for k, image in enumerate(_pixels(12, 6, 6, 3)):
        Image.fromarray(image).save(root / "images" / f"{k}.png")
        found["images"].append({"id": k, "file_name": f"{k}.png"})
        found["annotations"].append({"image_id": k, "id": k, "caption": f"image {k}"})
    write(root / "captions.json", [json.dumps(found)])
    return data.COCOCaptions(str(root / "images"), str(root / "captions.json"), size=4)


def _texts(root: Path, **more: Any) -> dict[str, Any]:
    lines = [f"the boat {k}\t{'ab'[k % 2]}" for k in range(20)]
    train, test = write(root / "train.tsv", lines), write(root / "test.tsv", lines[:4])
    return {"train": train, "test": test, "length": 12, **more}


def _titles(root: Path) -> Any:
    lines = ['label,"title",text', *(f'{k % 2},"the, boat {k}","a ""gull"""' for k in range(20))]
    path = write(root / "train.csv.gz", lines)
    Path(path).write_bytes(gzip.compress(Path(path).read_bytes(), mtime=0))
    options = {"text": (1, 2), "label": 0, "delimiter": ",", "header": True, "length": 12}
    return data.Texts(path, **options)


def _pairs(root: Path, **more: Any) -> dict[str, Any]:
    lines = ["first,second,score", *(f"a boat {k},the gull {k},{k / 4}" for k in range(20))]
    train, test = write(root / "train.csv", lines), write(root / "test.csv", lines[:6])
    return {"train": train, "test": test, "length": 12, "header": True, **more}


def _pieces(root: Path) -> WordPiece:
    words = ("[PAD]", "[UNK]", "the", "a", "boat", "gull", *map(str, range(10)))
    return WordPiece(write(root / "vocab.txt", [*words, *(f"##{k}" for k in range(10))]))


def _fasta(root: Path) -> Any:
    lines = [f">s{k} label={k % 2}\n{'ACGT'[k % 4 :] * 4}" for k in range(20)]
    train, test = write(root / "train.fasta", lines), write(root / "test.fasta", lines[:4])
    return data.Sequences(train, test=test, length=12)


def _bases(root: Path) -> Any:
    lines = ["base_1,base_2,base_3,label"]
    lines += [f"A,{'CG'[k % 2]},{'ACGT'[k % 4]},{k % 2}" for k in range(20)]
    return data.Sequences(write(root / "train.csv", lines), sequence="base_", length=3)


def _uci(root: Path) -> Any:
    lines = [f"{'EN'[k % 2]},  s{k},   {'ACGT'[k % 4 :] * 4}" for k in range(20)]
    return data.Sequences(write(root / "splice.data", lines), label="class", length=12)


def _flip_zip(root: Path) -> Any:
    spec = _flip(root)
    with zipfile.ZipFile(root / "splits.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(root / "own.csv", "splits/own.csv")
    (root / "own.csv").unlink()
    return replace(spec, path=str(root / "splits.zip"))


def _flip(root: Path) -> Any:
    rows = ["sequence,target,set,validation"]
    rows += [f"MK{'ACDE'[k % 4]},{k}.5,train,{'True' * (k < 2)}" for k in range(8)]
    write(root / "own.csv", [*rows, "MKW,9.0,test,", "MKL,2.0,test,"])
    return data.FLIP(str(root), "own")


def _ts(root: Path) -> Any:
    for part, count in (("TRAIN", 10), ("TEST", 4)):
        lines = ["@problemName T", "@dimensions 2", "@classLabel true a b", "@data"]
        lines += [f"{k},1.5,-2,4:{k},0.5,1,{k}:{'ab'[k % 2]}" for k in range(count)]
        write(root / f"T_{part}.ts", lines)
    return data.UCR(str(root), name="T")


def _tsv(root: Path) -> Any:
    for part, count in (("TRAIN", 10), ("TEST", 4)):
        write(root / f"T_{part}.tsv", [f"{k % 2}\t{k}.5\t1.25\t-3\t{k}" for k in range(count)])
    return data.UCR(str(root), name="T")


def _ett(root: Path) -> Any:
    lines = ["date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT"]
    for k in range(20 * 30 * 24):
        day, hour = divmod(k, 24)
        date = f"{np.datetime64('2016-07-01') + day} {hour:02}:00:00"
        lines.append(f"{date},{k % 7},{k % 5}.5,{k % 24},1.5,{k % 3},2,{k % 11}")
    return data.ETT(write(root / "ETTh1.csv", lines), length=8, horizon=4)


def _activity(root: Path) -> dict[str, np.ndarray]:
    people, times = 4, 100
    return {
        "imu_int16": RANDOM.integers(-4000, 4000, (people * times, 6)).astype(np.int16),
        "scale": np.asarray([0.0025] * 3 + [0.001] * 3, np.float32),
        "t_ms": np.tile(np.arange(times) * 10, people),
        "label": np.tile(np.arange(times) // 50, people).astype(np.uint8),
        "offsets": np.arange(people + 1) * times,
        "subject": np.arange(1, people + 1),
        "class_names": np.array(["SEATED", "WALKING"]),
    }


def _har_npz(root: Path) -> Any:
    np.savez(root / "har.npz", **_activity(root))
    return data.PhoneAndWatch(str(root / "har.npz"), length=8, step=8, validation=1, test=1)


def _har_csv(root: Path) -> Any:
    found = _activity(root)
    header = "x_acc,y_acc,z_acc,x_gyro,y_gyro,z_gyro,timestamp,label"
    for person in range(4):
        own = slice(*found["offsets"][person : person + 2])
        columns = (found["imu_int16"][own], found["t_ms"][own], found["label"][own])
        rows = [
            ",".join([*map(str, x * found["scale"]), str(t), found["class_names"][k]])
            for x, t, k in zip(*columns, strict=True)
        ]
        name = f"s{person + 1:02d}"
        write(root / "DATA" / name / f"{name}_01_sp.csv", [header, *rows])
    return data.PhoneAndWatch(str(root / "DATA"), length=8, step=8, validation=1, test=1)


def _radhar_npz(root: Path, source: type = data.RadHAR, **more: Any) -> Any:
    points, frames, recordings = 3, 6, 8
    count = points * frames * recordings
    np.savez(
        root / "radhar.npz",
        xyz_x512=RANDOM.integers(-500, 500, (count, 3)).astype(np.int16),
        frame_offsets=np.arange(frames * recordings + 1) * points,
        recording_offsets=np.arange(recordings + 1) * frames,
        recording_label=np.arange(recordings) % 2,
        recording_is_test=np.arange(recordings) > 5,
        class_names=np.array(["jump", "walk"]),
    )
    return source(str(root / "radhar.npz"), frames=4, step=2, fraction=0.34, **more)


def _radhar_txt(root: Path) -> Any:
    for part, count in (("Train", 3), ("Test", 1)):
        for name in ("jump", "walk"):
            for k in range(count):
                lines = []
                for frame in range(6):
                    for point in range(3):
                        lines += [f"point_id: {point}", f"x: {k}.5", f"y: 1.{frame}", "z: -0.25"]
                write(root / "Data" / part / name / f"{k}.txt", lines)
    return data.RadHAR(str(root / "Data"), frames=4, step=2, points=8, fraction=0.34)


def _meshes(root: Path) -> Any:
    corners = ["0 0 0", "1 0 0", "0 1 0", "0 0 1"]
    faces = ["3 0 1 2", "3 0 1 3", "3 0 2 3", "3 1 2 3"]
    for part, count in (("train", 4), ("test", 2)):
        for name in ("bed", "sofa"):
            for k in range(count):
                lines = ["OFF", "4 4 6", *corners, *faces]
                write(root / name / part / f"{name}_{k}.off", lines)
    return data.ModelNet(str(root), points=8, fraction=0.25)


def _resampled(root: Path) -> Any:
    write(root / "modelnet40_shape_names.txt", ["bed", "sofa"])
    names = [f"{name}_{k:04}" for name in ("bed", "sofa") for k in range(6)]
    for name in names:
        lines = [f"{k}.5,{len(name)},{-k},0,0,1" for k in range(8)]
        write(root / name.split("_")[0] / f"{name}.txt", lines)
    write(root / "modelnet40_train.txt", [n for n in names if int(n[-1]) < 4])
    write(root / "modelnet40_test.txt", [n for n in names if int(n[-1]) >= 4])
    return data.ModelNet(str(root), points=8, fraction=0.25)


def _clouds(root: Path) -> Any:
    arrays = {}
    for part, count in (("train", 20), ("test", 4)):
        arrays[f"{part}_points"] = RANDOM.normal(size=(count, 5, 3)).astype(np.float32)
        arrays[f"{part}_label"] = np.arange(count) % 2
        arrays[f"{part}_count"] = 2 + np.arange(count) % 4
    np.savez(root / "a.npz", **arrays)
    return data.Clouds(str(root / "a.npz"))


def _tu(root: Path) -> Any:
    edges = [(3 * g + a, 3 * g + b) for g in range(10) for a, b in ((1, 2), (2, 1), (2, 3), (3, 2))]
    write(root / "T_A.txt", [f"{a}, {b}" for a, b in edges])
    write(root / "T_graph_indicator.txt", [str(1 + k // 3) for k in range(30)])
    write(root / "T_graph_labels.txt", [str(1 - 2 * (k % 2)) for k in range(10)])
    write(root / "T_node_labels.txt", [str(k % 3) for k in range(30)])
    return data.TU(str(root), name="T", fraction=0.2)


def _citations(root: Path) -> Any:
    links = np.asarray([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]])
    words = np.asarray([[1.0, 1.0], [0.0, 2.0], [3.0, 0.0], [1.0, 2.0]])
    arrays = {"labels": [1, 0, 1, 0], "train": [2, 3], "validation": [0], "test": [1]}
    for kind, matrix in (("adj", csr_matrix(links)), ("attr", csr_matrix(words))):
        for part in ("data", "indices", "indptr", "shape"):
            arrays[f"{kind}_{part}"] = getattr(matrix, part)
    np.savez(root / "c.npz", **arrays)
    return data.CitationGraph(str(root / "c.npz"))


def _planetoid(root: Path) -> Any:
    words = np.asarray([[1, 1], [0, 2], [1, 0], [3, 1], [1, 0], [2, 2], [0, 5.0]])
    hot = np.eye(2)[[1, 0, 1, 0, 1, 0, 1]]
    links = defaultdict(list, {k: [(k + 1) % 7, (k + 3) % 7] for k in range(7)})
    files = {"x": csr_matrix(words[:2]), "allx": csr_matrix(words[:5]), "graph": links}
    files |= {"tx": csr_matrix(words[5:]), "y": hot[:2], "ally": hot[:5], "ty": hot[5:]}
    for part, content in files.items():
        (root / f"ind.t.{part}").write_bytes(pickle.dumps(content))
    write(root / "ind.t.test.index", ["6", "5"])
    return data.CitationGraph(str(root / "ind.t"))


def _table(root: Path) -> Any:
    lines = ["age,job,income,label"]
    lines += [f"{20 + k},{'xyz'[k % 3]},{k * 1.5},{'ab'[k % 2]}" for k in range(20)]
    train, test = write(root / "train.csv", lines), write(root / "test.csv", lines[:5])
    return data.Table(train, test=test, label="label")


def _tfds(root: Path) -> Any:
    return data.TFDS("tiny_set", data_dir=write_tiny_set(root), size=8)


def _digits(root: Path) -> Any:
    for digit in range(2):
        for take in range(12):
            path = root / "recordings" / f"{digit}_ann_{take}.wav"
            path.parent.mkdir(exist_ok=True)
            wave = np.sin(np.arange(200) * 0.1 * (digit + 1)) * (5000 + 100 * take)
            wavfile.write(path, 8000, wave.astype(np.int16))
    return data.SpokenDigits(str(root / "recordings"), seconds=0.02)


def _esc(root: Path) -> Any:
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    (root / "audio").mkdir()
    for fold in range(1, 6):
        for number, category in enumerate(("dog", "rain")):
            name = f"{fold}-{category}.wav"
            wave = np.sin(np.arange(200) * 0.1 * (number + 1)) * (5000 + 100 * fold)
            wavfile.write(root / "audio" / name, 8000, wave.astype(np.int16))
            lines.append(f"{name},{fold},{number},{category},True,0,A")
    write(root / "meta" / "esc50.csv", lines)
    return data.ESC(str(root), rate=8000, seconds=0.02)


def _arrays(root: Path) -> Any:
    arrays = dict(np.load(_npz(root).path))
    parts = {"train": {}, "test": {}}
    for key, value in arrays.items():
        part, _, field = key.partition("_")
        if part in parts:
            parts[part][field] = value
    return data.Arrays(parts["train"], test=parts["test"])


READERS = (
    Tiny(data.Arrays, _arrays),
    Tiny(data.ImageFolder, _folder),
    Tiny(data.Npz, _npz),
    Tiny(data.Part, _part),
    Tiny(data.Clips, _clips),
    Tiny(data.VideoFolder, _videos, needs=("av",)),
    Tiny(data.VideoFolder, _listed_videos, form="lists", needs=("av",)),
    Tiny(data.COCOCaptions, _captions),
    Tiny(data.Texts, lambda r: data.Texts(**_texts(r))),
    Tiny(data.Texts, _titles, form="csv.gz"),
    Tiny(data.SentencePairs, lambda r: data.SentencePairs(**_pairs(r)), named=True),
    Tiny(
        PiecedTexts,
        lambda r: PiecedTexts(**_texts(r, pieces=_pieces(r))),
        needs=("tokenizers",),
    ),
    Tiny(
        PiecedPairs,
        lambda r: PiecedPairs(**_pairs(r, pieces=_pieces(r))),
        named=True,
        needs=("tokenizers",),
    ),
    Tiny(data.Sequences, _fasta, form="fasta"),
    Tiny(data.Sequences, _bases, form="csv", named=True),
    Tiny(data.Sequences, _uci, form="data"),
    Tiny(data.FLIP, _flip, named=True),
    Tiny(data.FLIP, _flip_zip, form="zip"),
    Tiny(data.UCR, _ts, form="ts"),
    Tiny(data.UCR, _tsv, form="tsv"),
    Tiny(data.ETT, _ett),
    Tiny(data.PhoneAndWatch, _har_npz, form="npz"),
    Tiny(data.PhoneAndWatch, _har_csv, form="csv", named=True),
    Tiny(data.RadHAR, lambda r: _radhar_npz(r, points=8), form="npz"),
    Tiny(data.RadHAR, _radhar_txt, form="txt"),
    Tiny(RadHARClips, lambda r: _radhar_npz(r, RadHARClips, images=2, size=4)),
    Tiny(data.ModelNet, _meshes, form="off"),
    Tiny(data.ModelNet, _resampled, form="txt"),
    Tiny(data.Clouds, _clouds),
    Tiny(data.TU, _tu),
    Tiny(data.CitationGraph, _citations, form="npz"),
    Tiny(data.CitationGraph, _planetoid, form="planetoid"),
    Tiny(data.Table, _table, named=True),
    Tiny(Described, lambda r: Described(_table(r)), named=True),
    Tiny(data.TFDS, _tfds, needs=("tensorflow_datasets", "array_record")),
    Tiny(data.SpokenDigits, _digits),
    Tiny(data.ESC, _esc, named=True),
    Tiny(tiny_pictures.ImageFiles, tiny_pictures.labelled, form="png"),
    Tiny(tiny_pictures.ImageFiles, tiny_pictures.bands, form="npy"),
    Tiny(tiny_pictures.ImageArrays, tiny_pictures.arrays),
    Tiny(tiny_pictures.VolumeArrays, tiny_pictures.volumes),
    Tiny(tiny_pictures.CaptionedImages, tiny_pictures.captions_csv, form="csv", named=True),
    Tiny(tiny_pictures.CaptionedImages, tiny_pictures.captions_json, form="json"),
    Tiny(VideoFiles, _own_videos, needs=("av",)),
    Tiny(tiny_own.SoundFolder, tiny_own.sounds, form="wav"),
    Tiny(tiny_own.SoundFolder, tiny_own.flacs, form="flac", needs=("soundfile",)),
    Tiny(tiny_own.SoundFolder, tiny_own.recording, form="recording"),
    Tiny(tiny_own.TableFile, tiny_own.table, form="csv", named=True),
    Tiny(tiny_own.TableFile, tiny_own.parquet, form="parquet", needs=("pyarrow",)),
    Tiny(tiny_own.TextSource, tiny_own.lines, form="txt"),
    Tiny(tiny_own.TextSource, tiny_own.json_lines, form="jsonl"),
    Tiny(tiny_own.TextSource, tiny_own.text_files, form="files"),
    Tiny(tiny_own.TextSource, tiny_own.saved, form="saved", needs=("pyarrow",)),
    Tiny(tiny_own.SavedImages, tiny_own.saved_images, needs=("pyarrow",)),
    Tiny(tiny_own.SequenceSource, tiny_own.fasta),
    Tiny(tiny_own.SeriesFile, tiny_own.ts, form="ts"),
    Tiny(tiny_own.SeriesFile, tiny_own.series_npz, form="npz"),
    Tiny(tiny_own.LongSeries, tiny_own.forecast, form="csv"),
    Tiny(tiny_own.LongSeries, tiny_own.forecast_npz, form="npz"),
    Tiny(tiny_own.WindowedTable, tiny_own.windowed, named=True),
    Tiny(tiny_own.GraphSource, tiny_own.tu, form="tu"),
    Tiny(tiny_own.GraphSource, tiny_own.graphs, form="npz"),
    Tiny(tiny_own.GraphSource, tiny_own.one_graph, form="one"),
    Tiny(tiny_own.CloudSource, tiny_own.shapes, form="meshes", needs=("trimesh",)),
    Tiny(tiny_own.CloudSource, tiny_own.scans, form="scans"),
    Tiny(tiny_own.CloudSource, tiny_own.cloud_npz, form="npz"),
)

PROCEDURAL = (
    *(data.CaptionedShapes, data.Digits, Factors, data.Motifs, data.MovingShapes, data.Phrases),
    *(data.PhrasePairs, data.Planted, data.Seasons, data.Shapes, data.Solids, data.Tones),
    *(data.Waves, RandomRows),
)
