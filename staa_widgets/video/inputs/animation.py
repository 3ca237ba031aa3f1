"""Open animated WebP and PNG files, which Pillow decodes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from staa_widgets.errors import UnreadableVideoError
from staa_widgets.utils.frozen import make_read_only
from staa_widgets.video.clip import Clip
from staa_widgets.video.file_stamp import FileStamp, check_unchanged, read_file_stamp
from staa_widgets.video.frame_reader import resize_frame
from staa_widgets.video.limits import check_frame_size

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

DEFAULT_SECONDS = 0.1
"""Seconds of a picture whose duration is 0, as browsers show it."""


@dataclass(frozen=True, eq=False)
class AnimationReader:
    """Reads the pictures of an animated image; a `staa_widgets.video.frame_reader.FrameReader`.

    Parameters
    ----------
    source, name, stamp
        Path or bytes of the file, its name for messages, and its stamp when it was opened.
    skipped
        Number of pictures before the animation begins, which are never shown.
    """

    source: Path | bytes
    name: str
    stamp: FileStamp
    skipped: int

    def read(self, indices: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return frames, as `FrameReader.read` does."""
        return np.stack(list(self.iterate(indices, size)))

    def iterate(
        self, indices: NDArray[np.int64], size: tuple[int, int], on_damage: Callable[[int], None] | None = None
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield frames, as `FrameReader.iterate` does."""
        check_unchanged(self.source, self.name, self.stamp)
        shown: NDArray[np.uint8] | None = None
        with _open_image(self.source, self.name) as picture:
            for index in indices.tolist():
                try:
                    picture.seek(index + self.skipped)
                    shown = np.asarray(resize_frame(np.asarray(picture.convert("RGB")), size))
                except (OSError, EOFError, ValueError, SyntaxError) as error:
                    if on_damage is None or shown is None:
                        raise UnreadableVideoError(
                            f"Frame {index} of {self.name!r} cannot be decoded.",
                            "Choose a range without this frame with start= and end=, or convert the file again.",
                        ) from error
                    on_damage(index)
                yield shown


def is_animation(source: Path | bytes) -> bool:
    """Return whether a file is a WebP or PNG image, by its first bytes."""
    try:
        with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith(b"\x89PNG\r\n\x1a\n") or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def open_animation(source: Path | bytes, name: str, digest: str) -> Clip:
    """Return the clip of an animated image; its pictures are decoded once for their durations."""
    with _open_image(source, name) as picture:
        count = getattr(picture, "n_frames", 1)
        skipped = int(bool(picture.info.get("default_image")))
        if count - skipped < 2:
            raise UnreadableVideoError(
                f"{name!r} is a still picture, not a video.",
                "Give several pictures as a list or as a folder, with fps=.",
            )
        durations: list[float] = []
        try:
            for index in range(skipped, count):
                picture.seek(index)
                picture.load()
                durations.append(float(picture.info.get("duration") or 0) / 1000 or DEFAULT_SECONDS)
        except (OSError, EOFError, ValueError, SyntaxError) as error:
            if not durations:
                raise UnreadableVideoError(f"No picture of {name!r} can be decoded.", "Download it again.") from error
        width, height = picture.size
    edges = np.concatenate([[0.0], np.cumsum(durations)])
    return Clip(
        name=name,
        width=width,
        height=height,
        times=make_read_only(edges[:-1]),
        first_frame=0,
        end=float(edges[-1]),
        _digest=lambda: digest,
        reader=AnimationReader(source, name, read_file_stamp(source), skipped),
    )


def _open_image(source: Path | bytes, name: str) -> Image.Image:
    from PIL import Image

    try:
        picture = Image.open(source if isinstance(source, Path) else io.BytesIO(source), formats=("PNG", "WEBP"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableVideoError(
            f"{name!r} is an image that cannot be read.", "Copy or download it again, or convert it to mp4."
        ) from error
    check_frame_size(name, *picture.size)
    return picture
