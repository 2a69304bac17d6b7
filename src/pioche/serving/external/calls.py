"""What the dialects have in common."""

from dataclasses import dataclass
from typing import Final

NOT_UNDERSTOOD: Final = "The server that answers for this deployment gave no answer of its API"


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent, below the base of the API."""

    path: str
    body: bytes
    streams: bool = False
