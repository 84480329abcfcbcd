"""Video files by the PyAV library: an extra, `pip install jssl[video]`.

PyAV includes FFmpeg's libraries, so every format that they decode can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jssl.data.files import open_regular
from jssl.data.images import check_pixels, to_array
from jssl.data.notes import note
from jssl.errors import UserError

# Formats whose header says how long they last; of others FFmpeg guesses it from what is there.
_HEADED = {"matroska", "webm", "mp4"}


class Cut(NamedTuple):
    """The form of the clips that are taken from a file.

    Attributes:
      frames: T, of a clip.
      stride: frames from one to the next.
      size: height and width in pixels: shorter side, then the centre.
      channels: 3 for RGB, 1 for grey.
      clips: per file, evenly spaced from its beginning to its end; a single clip is taken from the
        middle.
    """

    frames: int
    stride: int
    size: int
    channels: int
    clips: int

    @property
    def span(self) -> int:
        """Number of frames from the first of a clip to its last, inclusive."""
        return (self.frames - 1) * self.stride + 1

    def places(self, clip: int, count: int, file: Path) -> np.ndarray:
        """Numbers of a clip's frames in a file of `count` frames: int64 [T].

        Raises:
          UserError: when the file is too short.
        """
        spare = count - self.span
        if spare < 0:
            raise UserError(
                f"{file} has {count} frames, and {self.frames} at steps of {self.stride} need "
                f"{self.span}; leave it out, or take fewer frames or smaller steps"
            )
        start = spare // 2 if self.clips == 1 else clip * spare // (self.clips - 1)
        return start + self.stride * np.arange(self.frames)


class Packets(NamedTuple):
    """Information on the frames of a file before any is decoded.

    Attributes:
      times: when each is shown, in the file's units: int64 [N] in order, -1 where it is unknown.
      lacking: describes how much of the content declared in the header is missing; None if nothing
        is.
    """

    times: np.ndarray
    lacking: str | None


def read_clip(file: Path, clip: int, cut: Cut, *, quiet: bool = False) -> np.ndarray:
    """Decodes one clip of a file.

    If the file contains timestamps, decoding begins at the key frame before the clip; otherwise, as
    in `.avi`, at the beginning. For a truncated file the remaining frames are used, and a note says
    so.

    Args:
      file: path.
      clip: its number in the file, from 0.
      cut: what a clip is.
      quiet: whether to omit the note because it has already been logged.

    Returns:
      uint8 [T, size, size, channels].

    Raises:
      UserError: the library is missing, or the file cannot be read or is too short.
    """
    times, lacking = read_packets(file)
    if lacking and not quiet:
        note(f"{file} is cut short: {lacking}")
    places = cut.places(clip, len(times), file)
    if times[0] != -1 and len(np.unique(times)) == len(times):
        wanted = times[places]
        found, _ = _pick(file, wanted, cut, start=int(wanted[0]))
        if len(found) == cut.frames:
            return np.stack([found[int(time)] for time in wanted])
    found, count = _pick(file, places, cut, start=None)
    if len(found) < cut.frames:  # not every packet was a frame
        places = cut.places(clip, count, file)
        found, _ = _pick(file, places, cut, start=None)
    return np.stack([found[int(place)] for place in places])


def read_packets(file: Path) -> Packets:
    """Reads the packets of a file without decoding.

    Raises:
      UserError: the library is missing, or the file cannot be read.
    """
    with _opened(file) as container:
        known = container.format.name != "avi"  # it has none: FFmpeg guesses, not always rightly
        stream = container.streams.video[0]
        times, shown, count, end = [], [], 0, 0.0
        for packet in container.demux():
            if not packet.size:
                continue
            if packet.pts is not None:
                start = packet.pts * packet.time_base
                end = max(end, float(start + (packet.duration or 0) * packet.time_base))
            if packet.stream.index != stream.index:
                continue
            count += 1
            if not packet.is_discard:
                times.append(packet.pts if known and packet.pts is not None else -1)
                if packet.pts is not None:
                    shown.append(float(packet.pts * packet.time_base))
        gap = float(np.diff(np.sort(shown)).max()) if len(shown) > 1 else 0.0
        lacking = _lacking(container, stream, count, end, gap)
    return Packets(np.sort(np.asarray(times, np.int64)), lacking)


def _lacking(container: Any, stream: Any, count: int, end: float, gap: float) -> str | None:
    """Compares the header with the content; up to 5 % less is within the accuracy of headers."""
    if count < 0.95 * stream.frames - 1:
        return f"it holds {count} of the {stream.frames} frames that its header promises"
    if not _HEADED & set(container.format.name.split(",")) or container.duration is None:
        return None
    promised = container.duration / 1e6
    end -= (container.start_time or 0) / 1e6
    # The last frame may be shown for long, but hardly for longer than any before it.
    if end + max(0.05 * promised, 2 * gap) < promised:
        return f"it ends after {end:.1f} of the {promised:.1f} seconds that its header promises"
    return None


def _pick(
    file: Path, wanted: np.ndarray, cut: Cut, *, start: int | None
) -> tuple[dict[int, np.ndarray], int]:
    """Frames whose time, or number where decoding begins with the file, is in a list.

    Returns:
      (time or number -> pixels, frames that were decoded).
    """
    left, found, count = {int(key) for key in wanted}, {}, 0
    with _opened(file) as container:
        if start is not None:
            container.seek(start, stream=container.streams.video[0])
        for frame in container.decode(video=0):
            key = count if start is None else frame.pts
            count += 1
            if key in left and not (frame.is_corrupt and start is not None):
                found[key] = _pixels(frame, cut)
                left.discard(key)
                if not left:
                    break
    return found, count


def _pixels(frame: Any, cut: Cut) -> np.ndarray:
    image = frame.to_image().convert("RGB" if cut.channels == 3 else "L")
    # Telephones store pictures as the sensor lies and say how to turn them.
    return np.rot90(to_array(image, cut.size, cut.channels), round(frame.rotation / 90))


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    av = library()
    try:
        with open_regular(file), av.open(str(file)) as container:
            if not container.streams.video:
                raise UserError(f"{file} holds no pictures; remove it")
            stream = container.streams.video[0]
            check_pixels(stream.width or 0, stream.height or 0, str(file))
            yield container
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"{file} is not a readable video ({reason}); remove it or replace it with a sound copy"
        ) from error


def library() -> Any:
    """PyAV.

    Raises:
      UserError: it is not installed.
    """
    try:
        import av
    except ImportError:
        raise UserError(
            "video files need the PyAV library: pip install jssl[video], or read decoded clips "
            "with jssl.data.Clips"
        ) from None
    return av
