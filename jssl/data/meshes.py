"""Triangle meshes: solids made of profiles and corners, `.off` files, and points on a surface."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import numpy as np

from jssl.data.checks import finite, parse_number
from jssl.data.text_files import read_text
from jssl.errors import UserError

Mesh = tuple[np.ndarray, np.ndarray]
"""Corners float64 [V, 3] and triangles int64 [F, 3]."""

_OFF_HEAD = re.compile(r"(ST)?C?N?(?P<flat>4?n?)OFF(?P<count>\d*)")
_AROUND = 48  # sides of a solid of revolution


def sample(mesh: Mesh, uniform: np.ndarray) -> np.ndarray:
    """Samples points uniformly from a surface.

    Args:
      mesh: corners and triangles.
      uniform: [..., 3] in [0, 1): selects the triangle, in proportion to its area, and the position
        in it.

    Returns:
      float64 [..., 3].
    """
    corners, faces = mesh
    a, b, c = (corners[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    total = np.cumsum(area)
    face = np.searchsorted(total, uniform[..., 0] * total[-1], side="right")
    face = np.minimum(face, len(faces) - 1)
    # The root makes points as dense at a corner as at the opposite side (Osada et al., 2002).
    root, along = np.sqrt(uniform[..., 1:2]), uniform[..., 2:]
    return (1 - root) * a[face] + root * (1 - along) * b[face] + root * along * c[face]


def read_off(path: Path) -> Mesh:
    """Reads a mesh in the Object File Format; faces with more than three corners are triangulated.

    Comments begin with `#`. "OFF" may stand on a line of its own, before the counts, or, as in some
    files of ModelNet, directly against them; with C, N or ST before it corners have colours,
    normals or texture coordinates, which are left out as the colours of faces are. Faces of one or
    two corners, which are points and lines, are left out as well.

    Args:
      path: of the file.

    Returns:
      The mesh.

    Raises:
      UserError: the file is missing, truncated or not such a mesh; a corner is not finite; or the
        faces have no area.
    """
    text = read_text(path)
    try:
        corners, faces = _parse_off(text)
    except (ValueError, IndexError) as error:
        raise UserError(f"{path} is not a mesh in the Object File Format ({error})") from None
    finite(corners, str(path), lambda i: f"corner {i[0] + 1}, {'xyz'[i[1]]}")
    check_area((corners, faces), path)
    return corners, faces


def check_area(mesh: Mesh, path: Path) -> None:
    """Refuses a mesh without a surface.

    Raises:
      UserError: naming the file.
    """
    corners, faces = mesh
    a, b, c = (corners[faces[:, k]] for k in range(3))
    if not np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() > 0:
        raise UserError(f"{path}: the faces have no area, so that no point can be drawn on them")


def _parse_off(text: str) -> Mesh:
    lines = [line.partition("#")[0].split() for line in text.splitlines()]
    lines = [words for words in lines if words]
    head = _OFF_HEAD.fullmatch(lines[0][0]) if lines else None
    if head is None:
        raise ValueError("it does not begin with OFF")
    if head["flat"]:
        raise ValueError(f"its corners are not in three dimensions: {lines[0][0]}")
    if len(lines[0]) > 1 and lines[0][1].upper() == "BINARY":
        raise ValueError("it is binary; write it as text")
    first = [head["count"], *lines[0][1:]] if head["count"] else lines[0][1:]
    lines = [first, *lines[1:]] if first else lines[1:]
    if not lines or len(lines[0]) not in (2, 3):
        raise ValueError("the numbers of corners, faces and edges are missing")
    count, faces = (_count(word) for word in lines[0][:2])
    body = lines[1:]
    if len(body) < count + faces:
        raise ValueError(f"it has {len(body)} lines for {count} corners and {faces} faces")
    if len(body) > count + faces:
        raise ValueError(f"it has {len(body) - count - faces} lines more than its counts say")
    if count and len({len(words) for words in body[:count]}) > 1:
        raise ValueError("its corners differ in how many numbers they have")
    if count and len(body[0]) < 3:
        raise ValueError(f"its corners have {len(body[0])} coordinates")
    corners = np.asarray(
        [[parse_number(word) for word in words[:3]] for words in body[:count]], np.float64
    ).reshape(count, 3)
    triangles = []
    for words in body[count:]:
        size = _count(words[0])
        if len(words) <= size:
            raise ValueError(f"a face of {size} corners names {len(words) - 1}")
        ring = [_count(word) for word in words[1 : 1 + size]]
        if ring and max(ring) >= count:
            raise ValueError(f"a face names corner {max(ring)}, and they are 0 to {count - 1}")
        triangles += [(ring[0], ring[k], ring[k + 1]) for k in range(1, size - 1)]
    if not triangles:
        raise ValueError("it has no faces of three corners or more")
    return corners, np.asarray(triangles, np.int64)


def _count(word: str) -> int:
    if not (word.isascii() and word.isdigit()):
        raise ValueError(f"{word!r} is not a number of corners or faces")
    return int(word)


def revolve(profile: list[tuple[float, float]]) -> Mesh:
    """The surface of revolution of a line about the z axis.

    Args:
      profile: its points (radius, height); the line is open.
    """
    radius, height = np.asarray(profile, np.float64).T
    turn = np.arange(_AROUND) / _AROUND * 2 * np.pi
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    corners = np.concatenate(
        [
            radius[:, None, None] * ring,
            np.broadcast_to(height[:, None, None], (*radius.shape, _AROUND, 1)),
        ],
        axis=2,
    ).reshape(-1, 3)
    faces = []
    for level in range(len(profile) - 1):
        for k in range(_AROUND):
            a, b = level * _AROUND + k, level * _AROUND + (k + 1) % _AROUND
            faces += [(a, b, a + _AROUND), (b, b + _AROUND, a + _AROUND)]
    return corners, np.asarray(faces)


def prism(corners: list[tuple[float, float]], low: float, high: float) -> Mesh:
    """A convex polygon extruded along z, closed at both ends."""
    count = len(corners)
    flat = np.asarray(corners, np.float64)
    both = [np.column_stack([flat, np.full(count, z)]) for z in (low, high)]
    faces = []
    for k in range(count):
        a, b = k, (k + 1) % count
        faces += [(a, b, a + count), (b, b + count, a + count)]
    for k in range(1, count - 1):
        faces += [(0, k, k + 1), (count, count + k, count + k + 1)]
    return np.concatenate(both), np.asarray(faces)


def _pyramid(sides: int, low: float, high: float, radius: float) -> Mesh:
    turn = np.arange(sides) / sides * 2 * np.pi
    base = np.stack([radius * np.cos(turn), radius * np.sin(turn), np.full(sides, low)], axis=1)
    faces = [(k, (k + 1) % sides, sides) for k in range(sides)]
    faces += [(0, k, k + 1) for k in range(1, sides - 1)]
    return np.concatenate([base, [[0.0, 0.0, high]]]), np.asarray(faces)


def _arc(start: float, stop: float, radius: float = 1.0, steps: int = 20) -> list:
    """Points of a circle about the origin, from angle to angle in half turns, 0 at the top."""
    angle = np.linspace(start, stop, steps + 1) * np.pi
    return list(zip(radius * np.sin(angle), radius * np.cos(angle), strict=True))


def _torus() -> Mesh:
    return revolve([(0.7 + 0.3 * x, 0.3 * z) for x, z in _arc(0, 2, steps=24)])


def _capsule() -> Mesh:
    ends = [(0.55 * x, 0.55 * z) for x, z in _arc(0, 1, steps=24)]
    return revolve([(x, z + (0.5 if k < 13 else -0.5)) for k, (x, z) in enumerate(ends)])


@functools.lru_cache(maxsize=1)
def solids() -> dict[str, Mesh]:
    """Ten solids of about unit radius, by name."""
    square = [(0.7, 0.7), (-0.7, 0.7), (-0.7, -0.7), (0.7, -0.7)]
    triangle = [
        (np.cos(k * 2 * np.pi / 3) * 0.85, np.sin(k * 2 * np.pi / 3) * 0.85) for k in range(3)
    ]
    return {
        "sphere": revolve(_arc(0, 1)),
        "cube": prism(square, -0.7, 0.7),
        "cylinder": revolve([(0, 0.8), (0.65, 0.8), (0.65, -0.8), (0, -0.8)]),
        "cone": revolve([(0, 1.0), (0.8, -0.7), (0, -0.7)]),
        "torus": _torus(),
        "pyramid": _pyramid(4, -0.6, 0.9, 1.0),
        "tetrahedron": _pyramid(3, -0.4, 1.0, 1.05),
        "prism": prism(triangle, -0.75, 0.75),
        "capsule": _capsule(),
        "bowl": revolve(_arc(0.5, 1.0)),
    }
