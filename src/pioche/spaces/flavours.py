"""Hardware that apps and jobs may ask for: what the operator declared, by the names that clients know (`cpu-basic` ...)."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pioche.errors import BadRequest, ConfigError

_MIB = 2**20
_DECLARED = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]{0,40})=(?P<cores>[0-9]+(?:\.[0-9]+)?)x(?P<mib>[0-9]+)(?:MiB)?")


@dataclass(frozen=True, slots=True)
class Flavour:
    """`cores` may be a fraction: a share of the machine's time."""

    name: str
    cores: float
    memory_bytes: int

    @property
    def label(self) -> str:
        """As on the Hub: "CPU basic"."""
        first, _, rest = self.name.partition("-")
        return f"{first.upper()} {rest.replace('-', ' ')}".rstrip()


def declared(texts: Sequence[str]) -> tuple[Flavour, ...]:
    """Out of the setting `spaces_hardware`, such as `cpu-basic=2x2048MiB`; the first is for who asks for none.

    Without any: one that fits this machine. Raises ConfigError.
    """
    if not texts:
        cores = min(2, os.cpu_count() or 1)
        return (Flavour("cpu-basic", cores, 2048 * _MIB),)
    return tuple(map(_read, texts))


def named(flavours: Sequence[Flavour], name: str) -> Flavour:
    """Raises BadRequest, which names those that there are."""
    for flavour in flavours:
        if flavour.name == name:
            return flavour
    raise BadRequest(
        f"This hub has no hardware {name[:60]!r}; it has {', '.join(flavour.name for flavour in flavours)}"
    )


def _read(text: str) -> Flavour:
    found = _DECLARED.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            "spaces_hardware", f"{text!r} is no hardware: it is written as cpu-basic=2x2048MiB, cores and memory"
        )
    return Flavour(found["name"], float(found["cores"]), int(found["mib"]) * _MIB)
