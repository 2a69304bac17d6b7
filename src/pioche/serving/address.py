"""Where a worker is reached: at a socket on this machine, or over the network at a prefix that it alone answers."""

from urllib.parse import urlsplit

import msgspec

SECRET = "x-pioche-secret"  # noqa: S105 - the name of a header
"""Carries the secret of a worker that is reached over the network: it answers no one else."""
WORKER = "x-pioche-worker"
"""Marks what such a worker says itself; what stands before it answers without."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Either `folder`, which has the socket, or `url`, such as http://10.0.0.7:8000/prefix, with its `secret`."""

    folder: str = ""
    url: str = ""
    secret: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 80

    @property
    def prefix(self) -> str:
        return urlsplit(self.url).path.rstrip("/")
