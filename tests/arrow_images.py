"""A tiny data set of images as the library `datasets` saves one to disk."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image


def write_saved_images(root: Path, count: int, size: int, *, inside: bool = True) -> None:
    """Writes PNGs of two classes into an Arrow file; without `inside`, their paths alone."""
    import pyarrow
    import pyarrow.ipc

    random = np.random.default_rng(0)
    rows = []
    for k in range(count):
        stream = io.BytesIO()
        pixels = random.integers(0, 255, (size, size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(stream, "PNG")
        rows.append({"bytes": stream.getvalue() if inside else None, "path": f"{k}.png"})
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    labels, sites = [k % 2 for k in range(count)], [f"s{k // 4}" for k in range(count)]
    table = pyarrow.table({"image": pyarrow.array(rows, kind), "label": labels, "site": sites})
    root.mkdir(parents=True, exist_ok=True)
    with (
        pyarrow.OSFile(str(root / "d.arrow"), "wb") as sink,
        pyarrow.ipc.new_stream(sink, table.schema) as writer,
    ):
        writer.write_table(table)
    label = {"names": ["cat", "dog"], "_type": "ClassLabel"}
    features = {"image": {"_type": "Image"}, "label": label}
    (root / "dataset_info.json").write_text(json.dumps({"features": features}))
    (root / "state.json").write_text(json.dumps({"_data_files": [{"filename": "d.arrow"}]}))
