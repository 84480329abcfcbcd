"""Labels of motion against plain loops over pixels."""

import jax
import numpy as np
import pytest

from jssl.augmentations import motion
from jssl.augmentations.video import motion_view
from jssl.data.clips import MovingShapes
from jssl.errors import UserError

CLIPS = MovingShapes(train=9, validation=1, test=1).load().train[:]["video"][:, :6] / np.float32(
    255
)


def pixel(image, row, column):
    """Beyond the sides pixels are repeated."""
    row = min(max(row, 0), image.shape[0] - 1)
    return image[row, min(max(column, 0), image.shape[1] - 1)]


def slow_flow(clip, radius=2, ridge=0.1):
    grey = clip.astype(np.float64).mean(-1)
    frames, height, width = grey.shape
    sums = np.zeros((frames - 1, height, width, 5))
    for t in range(frames - 1):
        middle, step = (grey[t] + grey[t + 1]) / 2, grey[t + 1] - grey[t]
        gradient = np.zeros((height, width, 3))
        for i in range(height):
            for j in range(width):
                x = (pixel(middle, i, j + 1) - pixel(middle, i, j - 1)) / 2
                y = (pixel(middle, i + 1, j) - pixel(middle, i - 1, j)) / 2
                gradient[i, j] = x, y, step[i, j]
        for i in range(height):
            for j in range(width):
                for k in range(-radius, radius + 1):
                    for m in range(-radius, radius + 1):
                        x, y, d = pixel(gradient, i + k, j + m)
                        sums[t, i, j] += x * x, x * y, y * y, x * d, y * d
    sums /= (2 * radius + 1) ** 2
    extra = ridge * (sums[..., 0] + sums[..., 2]).mean() / 2
    flow = np.zeros((*sums.shape[:3], 2))
    for place in np.ndindex(*sums.shape[:3]):
        xx, xy, yy, xd, yd = sums[place]
        matrix = np.array([[xx + extra[()], xy], [xy, yy + extra[()]]])
        flow[place] = np.linalg.solve(matrix, [-xd, -yd])
    return flow


def slow_labels(flow):
    frames, height, width = flow.shape[:3]
    total, moments = np.zeros((2, height, width, 2)), np.zeros((2, frames))
    for t in range(frames):
        for part in range(2):
            f = flow[t, ..., part]
            for i in range(height):
                for j in range(width):
                    x = sum(pixel(f, i + k, j + 1) - pixel(f, i + k, j - 1) for k in (-1, 0, 1))
                    y = sum(pixel(f, i + 1, j + k) - pixel(f, i - 1, j + k) for k in (-1, 0, 1))
                    total[part, i, j] += x, y
                    moments[part, t] += np.hypot(x, y)
    labels = []
    for which, count in enumerate((16, 4, 8)):
        for part in range(2):
            strength, size = np.zeros(count), np.zeros(count)
            votes = np.zeros((count, 8))
            for i in range(height):
                for j in range(width):
                    down, right = 2 * (i + 0.5) / height - 1, 2 * (j + 0.5) / width - 1
                    turn = np.degrees(np.arctan2(down, right)) % 360
                    block = (
                        4 * (4 * i // height) + 4 * j // width,
                        int(4 * max(abs(down), abs(right))),
                        int(turn // 45),
                    )[which]
                    x, y = total[part, i, j]
                    angle = np.degrees(np.arctan2(y, x)) % 360 / 45
                    low = int(angle)
                    votes[block, low % 8] += np.hypot(x, y) * (1 - angle + low)
                    votes[block, (low + 1) % 8] += np.hypot(x, y) * (angle - low)
                    strength[block] += np.hypot(x, y)
                    size[block] += 1
            best = int(np.argmax(strength / size))
            labels += [best, int(np.argmax(votes[best]))]
    return [*labels, *np.argmax(moments, axis=1)]


def test_labels_equal_loops_over_pixels():
    clips = CLIPS[:2, :4, ::2, ::2]  # 3 steps of 16 x 16 pixels, moves of a pixel or less
    both = jax.jit(jax.vmap(lambda clip: (motion.optical_flow(clip), motion.motion_labels(clip))))
    found, labels = map(np.asarray, both(clips))
    for clip, flow, label in zip(clips, found, labels, strict=True):
        wanted = slow_flow(clip)
        np.testing.assert_allclose(flow, wanted, atol=2e-4)
        np.testing.assert_array_equal(label, slow_labels(wanted))
    assert len(labels[0]) == len(motion.label_counts(4))
    assert (labels < np.array(motion.label_counts(4))).all() and labels.min() >= 0


def test_flow_follows_what_moves_whatever_its_brightness():
    row, column = np.mgrid[:24, :24].astype(np.float32)

    def frame(t):  # moves by (0.5 right, -0.25 down) a frame
        return np.sin(0.5 * (column - 0.5 * t)) + np.cos(0.4 * (row + 0.25 * t))

    clip = np.stack([frame(t) for t in range(3)])[..., None].repeat(3, -1)
    flow = jax.jit(motion.optical_flow)
    found = np.asarray(flow(clip, ridge=1e-3))[:, 4:-4, 4:-4]
    np.testing.assert_allclose(found.mean((0, 1, 2)), [0.5, -0.25], rtol=0.06)
    np.testing.assert_allclose(flow(5 - 3 * clip), flow(clip), atol=1e-4)
    assert not np.asarray(flow(np.ones_like(clip))).any()


def test_a_view_has_the_clip_and_what_is_asked_of_it():
    batch = {"video": np.round(255 * CLIPS).astype(np.uint8), "index": np.arange(9)}
    view = motion_view(5)
    found = jax.eval_shape(
        lambda key, video: view(key, {"video": video}), jax.random.key(0), batch["video"][0]
    )
    assert found["video"].shape == (5, 32, 32, 1) and found["label"].shape == (14,)
    with pytest.raises(UserError, match="not 1 of 32x32"):
        motion.motion_labels(CLIPS[0][:1])
