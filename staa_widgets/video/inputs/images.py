"""Open a list, folder or pattern of images as the frames of a video."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from staa_widgets.errors import FrameArrayError, UnreadableVideoError, VideoNotFoundError
from staa_widgets.video.clip import Clip
from staa_widgets.video.file_stamp import FileStamp, check_unchanged, read_file_stamp
from staa_widgets.video.frame_reader import resize_frame
from staa_widgets.video.inputs.arrays import frame_times, open_frames, to_numpy
from staa_widgets.video.inputs.options import InputOptions
from staa_widgets.video.limits import check_frame_size

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Suffixes of the files in a folder that count as images."""


@dataclass(frozen=True, eq=False)
class ImageReader:
    """Reads image files as frames; a `staa_widgets.video.frame_reader.FrameReader`.

    Parameters
    ----------
    sources
        Path or bytes of each image.
    stamps
        Stamp of each file when it was opened.
    """

    sources: Sequence[Path | bytes]
    stamps: Sequence[FileStamp]

    def read(self, indices: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return frames, as `FrameReader.read` does."""
        return np.stack(list(self.iterate(indices, size)))

    def iterate(
        self, indices: NDArray[np.int64], size: tuple[int, int], on_damage: Callable[[int], None] | None = None
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield frames, as `FrameReader.iterate` does."""
        for index in indices.tolist():
            try:
                frame = self._load(index, size)
            except UnreadableVideoError:
                if on_damage is None:
                    raise
                frame = self._stand_in(index, size)
                on_damage(index)
            yield frame

    def _load(self, index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        source, name = self.sources[index], _name(self.sources[index], index)
        check_unchanged(source, name, self.stamps[index])
        return np.asarray(resize_frame(np.asarray(_decode(source, name)), size))

    def _stand_in(self, damaged: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return the nearest image before a damaged one that can be decoded, or else after it."""
        for index in [*range(damaged - 1, -1, -1), *range(damaged + 1, len(self.sources))]:
            try:
                return self._load(index, size)
            except UnreadableVideoError:
                continue
        raise UnreadableVideoError("None of the images can be decoded.", "Check the files.")


def find_images(*paths: Path) -> list[Path]:
    """Return the image files among these paths and in these folders, ``frame_2`` before ``frame_10``."""
    files = [file for path in paths for file in (path.iterdir() if path.is_dir() else [path])]
    images = [file for file in files if file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file()]
    return sorted(images, key=lambda file: [int(part) if part.isdigit() else part for part in _split(file)])


def open_image_files(sources: Sequence[Path | bytes], name: str, options: InputOptions) -> Clip:
    """Return a clip whose frames are image files of one size."""
    seconds, end = frame_times(len(sources), options.fps, options.times)
    digest = hashlib.sha256(b"images")
    sizes: list[tuple[int, int]] = []
    for index, source in enumerate(sources):
        digest.update(hashlib.sha256(source.read_bytes() if isinstance(source, Path) else source).digest())
        sizes.append(_read_size(source, _name(source, index)))
        if sizes[-1] != sizes[0]:
            raise FrameArrayError(
                f"{_name(source, index)} has {_text(sizes[-1])} pixels, but {_name(sources[0], 0)} has "
                f"{_text(sizes[0])}.",
                "Give images of one size.",
            )
    digest.update(seconds.data)
    stamps = tuple(read_file_stamp(source) for source in sources)
    reader = ImageReader(tuple(sources), stamps)
    clip = Clip(name, *sizes[0], seconds, 0, end, digest.hexdigest, reader)
    return replace(clip, assumed_rate=options.assumes_rate)


def open_list(items: Sequence[Any], options: InputOptions) -> Clip:
    """Return a clip whose frames are the items of a list: images of Pillow, arrays, tensors, or image files."""
    from PIL import Image

    if len(items) == 0:
        raise FrameArrayError("The list holds no frame.", "Give at least one frame.")
    sources = [_image_source(item) for item in items]
    if all(source is not None for source in sources):
        return open_image_files([source for source in sources if source is not None], "images", options)
    arrays: list[NDArray[Any]] = []
    for index, item in enumerate(items):
        array = np.asarray(item.convert("RGB")) if isinstance(item, Image.Image) else to_numpy(item)
        if not isinstance(array, np.ndarray) or array.ndim not in (2, 3):
            raise FrameArrayError(
                f"Item {index} of the list is a {type(item).__name__}, not one frame.",
                "Give images of Pillow, arrays (H, W, 3) or paths of images; several videos go to explain_many.",
            )
        arrays.append(array)
        if array.shape != arrays[0].shape:
            raise FrameArrayError(
                f"Frame {index} has shape {array.shape}, but frame 0 has {arrays[0].shape}.", "Give frames of one size."
            )
    return open_frames(np.stack(arrays), options, "frames", from_list=True)


def _image_source(item: Any) -> Path | bytes | None:
    """Return the path or the bytes of an image file; ``None`` for an image in memory."""
    if isinstance(item, Mapping) and ("bytes" in item or "path" in item):
        item = item.get("bytes") or item.get("path")
    if isinstance(item, bytes):
        return item
    if isinstance(item, str | Path):
        path = Path(item).expanduser().absolute()
        if not path.is_file():
            raise VideoNotFoundError(f"There is no file {str(item)!r}.", "Check the paths of the images.")
        if path.suffix.lower() not in SUFFIXES:
            raise FrameArrayError(
                f"{path.name!r} in the list is not an image.", "Give one video; several videos go to explain_many."
            )
        return path
    return None


def _open_image(source: Path | bytes, name: str) -> Image.Image:
    from PIL import Image

    try:
        picture = Image.open(source if isinstance(source, Path) else io.BytesIO(source))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableVideoError(f"{name} is not an image that can be read.", "Check the file.") from error
    check_frame_size(name, *picture.size)
    return picture


def _read_size(source: Path | bytes, name: str) -> tuple[int, int]:
    from PIL import ExifTags

    with _open_image(source, name) as picture:
        width, height = picture.size
        try:
            is_turned = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        except (OSError, ValueError, SyntaxError):  # a damaged image, which may not be needed
            is_turned = False
        return (height, width) if is_turned else (width, height)


def _decode(source: Path | bytes, name: str) -> Image.Image:
    from PIL import ImageOps

    with _open_image(source, name) as picture:
        try:
            return ImageOps.exif_transpose(picture).convert("RGB")
        except (OSError, ValueError, SyntaxError) as error:
            raise UnreadableVideoError(
                f"{name} cannot be decoded.", "Leave it out, or choose a range without it with start= and end=."
            ) from error


def _split(file: Path) -> list[str]:
    return re.split(r"(\d+)", file.name)


def _name(source: Path | bytes, index: int) -> str:
    return repr(source.name) if isinstance(source, Path) else f"image {index}"


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
