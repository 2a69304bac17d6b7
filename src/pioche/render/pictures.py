"""Pictures that people send: what the worker that decodes them is asked, and what it answers.

Nothing of a picture is decoded elsewhere. The worker looks at the first bytes, refuses by what they say before any pixel is
unpacked, and writes the picture anew: what goes out was made by us, without metadata, whatever came in.
"""

from enum import Enum
from typing import Final

import msgspec

BYTES_MAX: Final = 10 * 2**20
"""Of a picture that is sent."""
SIDE_MAX: Final = 16_384
PIXELS_MAX: Final = 50_000_000
AVATAR_SIDE: Final = 512
ATTACHMENT_SIDE_MAX: Final = 2_560
SOCIAL_SIZE: Final = (1_200, 630)
"""As sites that show links want it."""
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")
"""By their first bytes; what a name or a header says of a picture does not count. No SVG: it is a program."""


class Crop(msgspec.Struct, frozen=True):
    """A square of the picture: its corner and its side, as parts (0 to 1) of the picture's shorter side."""

    x: float
    y: float
    side: float


class AvatarJob(msgspec.Struct, frozen=True, tag="avatar"):
    """A square of AVATAR_SIDE pixels; the middle of the picture without a `crop`."""

    source: bytes
    crop: Crop | None = None


class AttachmentJob(msgspec.Struct, frozen=True, tag="attachment"):
    """The whole picture, smaller where it is larger than ATTACHMENT_SIDE_MAX."""

    source: bytes


class SocialJob(msgspec.Struct, frozen=True, tag="social"):
    """The middle of the picture, in SOCIAL_SIZE."""

    source: bytes


class PosterJob(msgspec.Struct, frozen=True, tag="poster"):
    """What is shown where somebody links a repo that has no picture of its own. `facts` are short words in ASCII."""

    kind: str
    owner: str
    name: str
    facts: list[str] = []


PictureJob = AvatarJob | AttachmentJob | SocialJob | PosterJob


class Refusal(Enum):
    NOT_A_PICTURE = "not_a_picture"
    TOO_LARGE = "too_large"
    """More pixels than SIDE_MAX and PIXELS_MAX allow."""
    DAMAGED = "damaged"


class Picture(msgspec.Struct, frozen=True):
    """A picture that was made here: PNG or WebP. Nothing but `refusal` where there is one."""

    data: bytes = b""
    media_type: str = ""
    width: int = 0
    height: int = 0
    refusal: Refusal | None = None
