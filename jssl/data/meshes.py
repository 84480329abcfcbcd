"""Triangle meshes: solids made of profiles and corners, `.off` files, and points on a surface."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from jssl.errors import UserError

Mesh = tuple[np.ndarray, np.ndarray]
"""Corners float64 [V, 3] and triangles int64 [F, 3]."""

_AROUND = 48  # sides of a solid of revolution


def sample(mesh: Mesh, uniform: np.ndarray) -> np.ndarray:
    """Points evenly spread over a surface.

    Args:
      mesh: corners and triangles.
      uniform: [..., 3] in [0, 1): which triangle, by its share of the area, and where in it.

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
    """Reads a mesh in the Object File Format; faces with more corners become fans of triangles.

    Args:
      path: of the file. "OFF" may stand on a line of its own or, as in some files of ModelNet,
        directly before the counts.

    Returns:
      The mesh.

    Raises:
      UserError: when the file is missing or no such mesh.
    """
    try:
        words = path.read_text().split()
        if not words[0].startswith("OFF"):
            raise ValueError("it does not begin with OFF")
        words = [words[0][3:], *words[1:]] if len(words[0]) > 3 else words[1:]
        corners, faces = int(words[0]), int(words[1])
        place = 3 + 3 * corners
        found = np.asarray(words[3:place], np.float64).reshape(corners, 3)
        triangles = []
        for _ in range(faces):
            count = int(words[place])
            ring = [int(w) for w in words[place + 1 : place + 1 + count]]
            triangles += [(ring[0], ring[k], ring[k + 1]) for k in range(1, count - 1)]
            place += 1 + count
        faces = np.asarray(triangles, np.int64).reshape(-1, 3)
        if not len(faces) or faces.min() < 0 or faces.max() >= corners:
            raise ValueError("its faces do not fit its corners")
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"{path} is no mesh in the Object File Format ({error})") from None
    return found, faces


def revolve(profile: list[tuple[float, float]]) -> Mesh:
    """The surface that a line makes when it is turned about the z axis.

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
    """A convex polygon drawn out along z, both ends closed."""
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
