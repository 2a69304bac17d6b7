"""Pictures out of a video, evenly over its beginning."""

import io
from typing import Any

import av

from pioche.errors import InvalidInput

_PIXELS_MAX = 2**24
_SIDE_MAX = 1024
_FRAMES_MAX = 20_000


def frames(video: bytes, count: int, step: int, field: str = "inputs") -> list[Any]:
    """`count` pictures, `step` frames apart; of a shorter one evenly from all that it has. Decoded one by one, and made smaller at
    once: what is small in a file can be large to see. Raises InvalidInput."""
    wanted = min(count * step, _FRAMES_MAX)
    kept: list[Any] = []
    try:
        with av.open(io.BytesIO(video), mode="r", metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            if stream.width * stream.height > _PIXELS_MAX:
                raise InvalidInput(field, f"pictures of more than {_PIXELS_MAX} pixels")
            for number, frame in enumerate(container.decode(stream)):
                if number >= wanted:
                    break
                if frame.width * frame.height > _PIXELS_MAX:
                    raise InvalidInput(field, f"pictures of more than {_PIXELS_MAX} pixels")
                if number % step == 0 or len(kept) < count:
                    kept.append(_small(frame))
                    kept = kept if len(kept) <= 2 * count else kept[::2]
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise InvalidInput(field, f"this is no video that can be read: {error}") from None
    if not kept:
        raise InvalidInput(field, "there are no pictures in it")
    return [kept[number * len(kept) // count] for number in range(count)]


def _small(frame: Any) -> Any:
    """In RGB, as rows of numbers."""
    factor = min(1.0, _SIDE_MAX / max(frame.width, frame.height))
    width, height = (max(1, int(side * factor)) for side in (frame.width, frame.height))
    return frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
