"""Sound out of files of any format, and into one."""

import io
import wave

import av
import numpy as np
from numpy.typing import NDArray

from pioche.errors import InvalidInput
from pioche.serving.engines.media import Media

_RATE = 16_000
_SECONDS_MAX = 1800

Samples = NDArray[np.float32]


def samples(sound: bytes, rate: int = _RATE, field: str = "inputs") -> Samples:
    """Of one channel, `rate` a second, between -1 and 1. Decoded piece by piece: what is small in a file can be long to hear.
    Raises InvalidInput."""
    pieces: list[Samples] = []
    count = 0
    try:
        with av.open(io.BytesIO(sound), mode="r", metadata_errors="ignore") as container:
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            for frame in container.decode(audio=0):
                for even in resampler.resample(frame):
                    pieces.append(even.to_ndarray().reshape(-1).astype(np.float32, copy=False))
                    count += pieces[-1].size
                if count > _SECONDS_MAX * rate:
                    raise InvalidInput(field, f"longer than {_SECONDS_MAX} seconds")
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise InvalidInput(field, f"this is no recording that can be read: {error}") from None
    if not count:
        raise InvalidInput(field, "there is no sound in it")
    return np.concatenate(pieces)


def wav(samples: Samples, rate: int) -> Media:
    """A file of one channel, 16 bits a sample."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return Media(file.getvalue(), "audio/wav")
