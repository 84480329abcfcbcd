"""Data of the modalities beyond images, as a user would bring them: name -> its maker."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy.io import wavfile


def lines(path: Path, rows: list[str]) -> Path:
    """Writes lines of text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path


def sounds(root: Path) -> None:
    """Twelve sounds of 8 kHz and 0.4 s in folders of two classes, and the people who made them."""
    names = [f"{'cat' if k % 2 else 'dog'}/{k}.wav" for k in range(12)]
    for k, name in enumerate(names):
        path = root / "sounds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        wave = 9000 * np.sin(np.arange(3200) * (0.1 + 0.02 * k))
        wavfile.write(path, 8000, wave.astype(np.int16))
    lines(root / "speakers.csv", ["file,speaker", *(f"{n},s{k // 3}" for k, n in enumerate(names))])


def recording(root: Path) -> None:
    """One sound of 4 s."""
    wave = 9000 * np.sin(np.arange(32000) ** 1.5 * 1e-3)
    wavfile.write(root / "recording.wav", 8000, wave.astype(np.int16))


def customers(root: Path) -> None:
    """Forty rows of numbers and categories, four of each shop, with a label."""
    rows = ["age,job,income,day,shop,churn"]
    rows += [
        f"{20 + k},{'xyz'[k % 3]},{k * 1.5},2024-01-{1 + k % 28:02},s{k // 4},{k % 2}"
        for k in range(40)
    ]
    lines(root / "customers.csv", rows)


def customers_parquet(root: Path) -> None:
    """The same as Parquet."""
    import pytest

    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import csv, parquet

    customers(root)
    parquet.write_table(csv.read_csv(root / "customers.csv"), root / "customers.parquet")
    del pyarrow


def rates(root: Path) -> None:
    """Three hundred days of two numbers."""
    days = np.datetime64("2020-01-01") + np.arange(300)
    rows = [f"{day},{1 + k % 7 / 10},{2 + k % 5 / 10}" for k, day in enumerate(days)]
    lines(root / "rates.csv", ["date,euro,yen", *rows])


def shops(root: Path) -> None:
    """Two shops of three hundred days each, mixed, with a few days without a count."""
    days = np.datetime64("2020-01-01") + np.arange(300)
    rows = [
        f"{shop},{day},{'' if k % 50 == 9 else 10 * place + k % 7},{k % 5}"
        for k, day in enumerate(days)
        for place, shop in enumerate(("quay", "mole"))
    ]
    lines(root / "shops.csv", ["shop,date,sales,visits", *rows])


def films(root: Path) -> None:
    """Forty films with several genres each."""
    genres = ["drama|war", "comedy", "drama|comedy", "war"]
    rows = [f"{1950 + k},{60 + k % 9},{'xyz'[k % 3]},{genres[k % 4]}" for k in range(40)]
    lines(root / "films.csv", ["year,minutes,studio,genres", *rows])


def sensors(root: Path) -> None:
    """Ten people of sixty rows, who walk and then sit."""
    rows = [
        f"{k},{k % 7}.5,{k % 5},p{k // 60},{'sit' if k // 30 % 2 else 'walk'}" for k in range(600)
    ]
    lines(root / "sensors.csv", ["time,x,y,person,activity", *rows])


def gestures(root: Path) -> None:
    """A data set of the UEA archive with two channels."""
    head = ["@problemName T", "@dimensions 2", "@classLabel true a b", "@data"]
    for part, count in (("TRAIN", 20), ("TEST", 6)):
        rows = [
            ":".join(",".join(f"{(k * t + c) % 11}" for t in range(24)) for c in range(2))
            + f":{'ab'[k % 2]}"
            for k in range(count)
        ]
        lines(root / "Gestures" / f"Gestures_{part}.ts", [*head, *rows])


def series_npz(root: Path) -> None:
    """Thirty series of two channels with labels and groups."""
    x = np.random.default_rng(0).normal(size=(30, 40, 2)).astype(np.float32)
    np.savez(root / "series.npz", series=x, label=np.arange(30) % 3, group=np.arange(30) // 5)


def articles(root: Path) -> None:
    """A text a line."""
    lines(root / "articles.txt", [f"the old boat {k} was near the pier" for k in range(30)])


def reviews(root: Path) -> None:
    """A text and a label a line, in JSON."""
    rows = [{"review": f"the old boat {k}", "stars": "ab"[k % 2]} for k in range(30)]
    lines(root / "reviews.jsonl", [json.dumps(row) for row in rows])


def letters(root: Path) -> None:
    """A text a file, in folders of two classes."""
    for k in range(20):
        lines(root / "letters" / ["good", "bad"][k % 2] / f"{k}.txt", [f"dear gull {k},", "ahoy"])


def news(root: Path) -> None:
    """A data set that the library datasets saved to disk."""
    import pytest

    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import ipc

    columns = {"text": [f"the boat {k}" for k in range(20)], "label": [k % 2 for k in range(20)]}
    table = pyarrow.table(columns)
    label = {"names": ["bad", "good"], "_type": "ClassLabel"}
    lines(root / "news" / "dataset_dict.json", [json.dumps({"splits": ["train"]})])
    folder = root / "news" / "train"
    lines(folder / "dataset_info.json", [json.dumps({"features": {"label": label}})])
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}
    lines(folder / "state.json", [json.dumps(state)])
    with (
        pyarrow.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as sink,
        ipc.new_stream(sink, table.schema) as writer,
    ):
        writer.write_table(table)


def proteins(root: Path) -> None:
    """Thirty proteins with their family in the header, and a table of their clusters."""
    entries = [f">p{k} family={'ab'[k % 2]}\nMKVLW{'ACDEFGHIKL'[k % 10] * 9}" for k in range(30)]
    lines(root / "proteins.fasta", entries)
    lines(root / "clusters.csv", ["name,cluster", *(f"p{k},c{k // 3}" for k in range(30))])


def molecules(root: Path) -> None:
    """Twenty graphs in the form of the TU collection."""
    links = [(3 * g + a, 3 * g + b) for g in range(20) for a, b in ((1, 2), (2, 1), (2, 3), (3, 2))]
    folder = root / "molecules"
    lines(folder / "MOL_A.txt", [f"{a}, {b}" for a, b in links])
    lines(folder / "MOL_graph_indicator.txt", [str(1 + k // 3) for k in range(60)])
    lines(folder / "MOL_graph_labels.txt", [str(k % 2) for k in range(20)])


def network(root: Path) -> None:
    """One graph of forty nodes in a ring, without features."""
    np.savez(root / "network.npz", edges=np.asarray([(k, (k + 1) % 40) for k in range(40)]))


def parts(root: Path) -> None:
    """Twelve meshes in folders of two classes."""
    corners = ["0 0 0", "1 0 0", "0 1 0", "0 0 1"]
    faces = ["3 0 1 2", "3 0 1 3", "3 0 2 3", "3 1 2 3"]
    for k in range(12):
        path = root / "parts" / ("bolt", "nut")[k % 2] / f"{k}.off"
        lines(path, ["OFF", "4 4 6", *corners, *faces])


def velodyne(root: Path) -> None:
    """Two scans in the form of KITTI, dense enough for blocks."""
    (root / "velodyne").mkdir()
    random = np.random.default_rng(0)
    for k in range(2):
        xyz = random.uniform(-10, 10, (6000, 4)).astype("<f4")
        (root / "velodyne" / f"{k}.bin").write_bytes(xyz.tobytes())


MAKERS: Mapping[str, Callable[[Path], None]] = {
    "sounds": sounds,
    "recording.wav": recording,
    "customers.csv": customers,
    "customers.parquet": customers_parquet,
    "rates.csv": rates,
    "shops.csv": shops,
    "films.csv": films,
    "sensors.csv": sensors,
    "Gestures": gestures,
    "series.npz": series_npz,
    "articles.txt": articles,
    "reviews.jsonl": reviews,
    "letters": letters,
    "news": news,
    "proteins.fasta": proteins,
    "molecules": molecules,
    "network.npz": network,
    "parts": parts,
    "velodyne": velodyne,
}
