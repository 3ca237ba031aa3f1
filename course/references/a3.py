"""Reference answers of A3, audit a model."""

import numpy as np

CUE = "corner of the mark"


def find_mark(frames):
    """Return the rows and the columns of the mark: the corner whose pixels equal each other in all frames."""
    size = frames.shape[1]
    near, far = slice(3, 13), slice(size - 13, size - 3)
    corners = [(rows, columns) for rows in (near, far) for columns in (near, far)]
    changes = [np.ptp(frames[:, rows, columns].reshape(-1, 3).astype(int), axis=0).sum() for rows, columns in corners]
    return corners, int(np.argmin(changes))


def fix(frames):
    """Return the frames of a clip without the cue."""
    # The mark gets the median color of the ring around it.
    corners, number = find_mark(frames)
    rows, columns = corners[number]
    around = frames[:, max(rows.start - 3, 0) : rows.stop + 3, max(columns.start - 3, 0) : columns.stop + 3]
    inner = np.zeros(around.shape[1:3], bool)
    inner[3:13, 3:13] = True
    fixed = frames.copy()
    fixed[:, rows, columns] = np.median(around[:, ~inner], axis=1)[:, None, None].astype(np.uint8)
    return fixed


def counterexample(frames):
    """Return frames on which the model with the shortcut is wrong, and the other one is still right."""
    # The mark moves to the opposite corner.
    corners, number = find_mark(frames)
    rows, columns = corners[number]
    moved = fix(frames)
    opposite_rows, opposite_columns = corners[3 - number]
    moved[:, opposite_rows, opposite_columns] = frames[:, rows, columns]
    return moved
