"""What is to be run, and within which limits."""

import enum
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

SCRATCH = Path("/scratch")
"""Where the process inside may write: its working directory, HOME and TMPDIR."""
SOCKETS = Path("/sockets")
"""Where the process inside listens, when `Spec.socket_dir` is given."""

_MIB = 2**20


class Level(enum.IntEnum):
    """How well a process is locked in; each has all of what the ones before have."""

    LIMITS = 1
    """Resource limits, an empty environment, no new privileges; nothing is hidden from it."""
    FILTERS = 2
    """A filter of system calls and Landlock: files that it was given, no network, no signals to others."""
    NAMESPACES = 3
    """Bubblewrap: it sees no other process, no other file, no network interface."""
    FULL = 4
    """A control group as well: the kernel counts its memory and processes, whatever it does."""

    @property
    def word(self) -> str:
        return self.name.lower()


LEAST_FOR_CODE = Level.NAMESPACES
"""Code that strangers wrote runs at this level or above, or not at all."""
NEEDED_FOR_WAYS = Level.NAMESPACES
"""A process that serves a port, or calls somebody, has a network of its own, in which there is nobody else."""


@dataclass(frozen=True, order=True)
class Address:
    """A host, by name or number, and a port of it."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        """The one that an http or https URL names. Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"{url} is no URL of http or https")
        return cls(plain_host(parts.hostname), parts.port or _PORTS[parts.scheme])

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_PORTS = {"http": 80, "https": 443}


def plain_host(host: str) -> str:
    """As it is compared."""
    return host.lower().removesuffix(".").removeprefix("[").removesuffix("]")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one process and all that it starts may take together, except `open_files` and `file_bytes`, which are for each."""

    memory_bytes: int = 2048 * _MIB
    cpus: tuple[int, ...] | None = None
    """The cores that it may run on; None is all of the hub's."""
    cores: float | None = None
    """A share of them, such as 0.5: as many whole ones, and where a control group counts them, no more than this share's time."""
    nice: int = 0
    """How far it steps back behind the hub where both want a core: up to 19."""
    processes: int = 256
    """Threads count."""
    open_files: int = 1024
    file_bytes: int = 1024 * _MIB
    scratch_bytes: int = 256 * _MIB
    """What its scratch folder may hold: memory, where that is no folder of the disk (`Spec.writable`)."""
    scratch_files: int = 100_000
    """Folders count; and so do files in memory, each on their own."""
    traffic_bytes: int = 100 * 1024 * _MIB
    """What may go to and from the addresses of `Spec.reaches`, together."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A command, and the little of the world that it is given.

    Words of `command` and values of `environment` that are paths inside (`SCRATCH`, `SOCKETS`, places of `read_only`, or below
    them) are rewritten to the places outside where the level has no file system of its own.
    """

    command: tuple[str, ...]
    read_only: Mapping[Path, Path] = field(default_factory=dict)
    """Path outside -> path inside. Python, this package and the system's libraries are there anyway, where they are outside."""
    writable: Path | None = None
    """A folder that is its scratch folder and outlives it; None: one that is gone with it."""
    is_scratch_on_disk: bool = False
    """Whether one that is gone with it is a folder of the disk, not memory, at every level."""
    socket_dir: Path | None = None
    """A folder shared with the outside, made for this process alone: it listens there on a Unix socket."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All that it gets, beside PATH, HOME, TMPDIR and LANG."""
    devices: tuple[Path, ...] = ()
    """Such as /dev/nvidia0."""
    network: bool = False
    """The machine's own network, all of it: for programs of ours alone."""
    serves_port: int | None = None
    """A TCP port that it listens on, on its own loopback; it may have others: see `Running.door`. Needs level `NEEDED_FOR_WAYS`."""
    reaches: tuple[Address, ...] = ()
    """What it may call. By a proxy that HTTP_PROXY and HTTPS_PROXY name; what is on the hub's own loopback, by that very address
    as well. Needs level `NEEDED_FOR_WAYS`."""
    remote_code: bool = False
    """Whether strangers wrote what runs: then `LEAST_FOR_CODE` is needed."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, kw_only=True)
class Fork:
    """What a fork does: `function` ("module:name") is called with the listening socket that it serves on, and `arguments`. It
    returns an exit code, or nothing."""

    function: str
    arguments: tuple[str, ...] = ()
    snapshot: Path
    """All that it may read beside libraries; the same path inside."""
    socket: Path
    """Where it is reached: made for it in a folder of ours, outside of the sandbox."""
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Ending:
    """How a process ended."""

    reason: str
    """In words, for who reads the log: "ended with code 3", "killed: used more than 512 MiB of memory"."""
    code: int | None = None
    """None where a signal or the keeper ended it."""
    signal: int | None = None
    is_over_memory: bool = False
    cpu_seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        return self.code == 0
