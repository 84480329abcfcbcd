"""Readers of one shape or scan a file: OFF, PLY, OBJ and STL meshes, KITTI scans, plain points.

PLY, OBJ and STL are read by the trimesh library, an extra: `pip install jssl[meshes]`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jssl.data.checks import LARGEST, finite, parse_number
from jssl.data.files import open_regular
from jssl.data.listing import Kind
from jssl.data.meshes import Mesh, check_area, read_off, sample
from jssl.data.text_files import read_text
from jssl.errors import UserError

SHAPES = Kind("shape", (".off", ".ply", ".obj", ".stl", ".bin", ".xyz", ".pts"))
_BY_TRIMESH = (".ply", ".obj", ".stl")
_SCAN = 4  # float32 numbers of a point: x, y, z, reflectance


def read_shape(path: Path) -> np.ndarray | Mesh:
    """The points of a file, float64 [n, 3], or its mesh.

    Args:
      path: by its ending: `.off`, `.ply`, `.obj`, `.stl`; `.bin`, a scan in the form of KITTI
        (float32 x, y, z, reflectance, little-endian); `.xyz` or `.pts`, lines of at least three
        numbers, with blanks or commas between. A `.ply` or `.obj` without faces is of points.

    Raises:
      UserError: the file is missing, damaged or empty, a coordinate is not finite, or the library
        that reads it is not installed.
    """
    ending = path.suffix.lower()
    if ending == ".off":
        return read_off(path)
    if ending in _BY_TRIMESH:
        return _read_mesh(path)
    points = read_scan(path) if ending == ".bin" else _read_lines(path)
    finite(points, str(path), lambda i: f"point {i[0] + 1}, {'xyz'[i[1]]}", largest=LARGEST)
    if (points == points[:1]).all():
        raise UserError(f"{path}: all points are at one place; leave the file out")
    return points


def spread(shape: np.ndarray | Mesh, points: int, uniform: np.ndarray) -> np.ndarray:
    """Some points of a shape: [n, 3], n at most `points`.

    Args:
      shape: of `read_shape`.
      points: how many are drawn from a surface, and how many of points are kept at most.
      uniform: [points, 3] in [0, 1) for a surface; for points, the first column orders them.
    """
    if isinstance(shape, tuple):
        return sample(shape, uniform)
    order = np.argsort(uniform[:, 0], kind="stable")
    return shape[order[:points]]


def read_scan(path: Path) -> np.ndarray:
    """The places of a laser scan in the form of KITTI: float64 [n, 3]; the reflectance is left out.

    Raises:
      UserError: the file is missing, empty or no whole number of points.
    """
    with open_regular(path) as stream:
        raw = stream.read()
    if not raw or len(raw) % (4 * _SCAN):
        raise UserError(
            f"{path} has {len(raw)} bytes, and a scan has 16 for each point (float32 x, y, z, "
            "reflectance)"
        )
    found = np.frombuffer(raw, "<f4").reshape(-1, _SCAN)
    with np.errstate(invalid="ignore"):
        return found[:, :3].astype(np.float64)


def _read_lines(path: Path) -> np.ndarray:
    rows = []
    for line, text in enumerate(read_text(path).splitlines(), 1):
        words = text.partition("#")[0].replace(",", " ").split()
        if not words or (not rows and len(words) == 1):  # a count of points may stand first
            continue
        try:
            rows.append([parse_number(word) for word in words[:3]])
            if len(words) < 3:
                raise ValueError
        except ValueError:
            raise UserError(f"{path}, line {line} has no three numbers: {text[:60]!r}") from None
    if not rows:
        raise UserError(f"{path} has no points")
    return np.asarray(rows, np.float64)


def _read_mesh(path: Path) -> np.ndarray | Mesh:
    try:
        import trimesh
    except ImportError:
        raise UserError(
            f"{path}: {path.suffix} files need the trimesh library: pip install jssl[meshes], or "
            "convert them to .off"
        ) from None
    ending = path.suffix.lower()[1:]
    with open_regular(path) as stream:
        if not stream.read(1):
            raise UserError(f"{path} is empty")
        stream.seek(0)
        try:
            # A stream, so that no other file (a material, a texture) is looked for beside it.
            more = {"skip_materials": True} if ending == "obj" else {}
            found = trimesh.load_scene(stream, file_type=ending, process=False, **more)
            parts = [found.geometry[name] for name in sorted(found.geometry)]
            corners, faces = _joined(parts)
        except Exception as error:  # the library raises whatever its parsing comes upon
            damaged = isinstance(error, LookupError) or not str(error)
            reason = "it is cut short" if damaged else " ".join(str(error).split())[:120]
            raise UserError(f"{path} is not a readable .{ending} file ({reason})") from None
    if not len(corners):
        raise UserError(f"{path} has no points")
    finite(corners, str(path), lambda i: f"corner {i[0] + 1}, {'xyz'[i[1]]}")
    if not len(faces):
        if (corners == corners[:1]).all():
            raise UserError(f"{path}: all points are at one place; leave the file out")
        return corners
    if faces.min() < 0 or faces.max() >= len(corners):
        raise UserError(
            f"{path}: a face names corner {faces.max()}, and they are 0 to {len(corners) - 1}"
        )
    check_area((corners, faces), path)
    return corners, faces


def _joined(parts: list) -> Mesh:
    """One mesh, without faces where a part is of points."""
    corners, faces, count = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)], 0
    for part in parts:
        own = np.asarray(part.vertices, np.float64).reshape(-1, 3)
        corners.append(own)
        if hasattr(part, "faces"):
            faces.append(np.asarray(part.faces, np.int64).reshape(-1, 3) + count)
        count += len(own)
    return np.concatenate(corners), np.concatenate(faces)
