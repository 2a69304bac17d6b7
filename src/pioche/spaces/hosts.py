"""Where apps are reached: an origin of their own for each, away from the hub's (reliability.md F-ISO).

    /run/NAMESPACE/NAME/...           on the Spaces' own port: for clients, which know no wildcard names
    NAMESPACE-NAME.HOST/...           for browsers, each app an origin of its own

`HOST` is what `spaces_url` says; without it, `localhost` where the hub is reached by that, since browsers know every name below it
(and Python none: serving.md 3.3). Otherwise browsers come by the path too, and an app is an opaque origin (`is_opaque`).
"""

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pioche.config import Config
from pioche.names import RepoId

PREFIX = "/run/"
_LABEL_MAX = 63
_LOCAL = ("localhost", "127.0.0.1", "::1")
_WILDCARD = "*."


@dataclass(frozen=True, slots=True)
class Host:
    """Of one app, seen from one address of the hub. Without slashes at their ends."""

    subdomain: str
    client: str
    """For programs: `host` in the answers of the API."""
    browser: str
    """What pages embed."""
    is_opaque: bool
    """Whether browsers share the origin of `browser` with other apps: then it is one without a name."""


class Hosts:
    """`of` tells where an app is; `find` whose a request is."""

    def __init__(self, config: Config) -> None:
        self.port = config.spaces_port
        self._url = config.spaces_url.rstrip("/")
        self._wildcard = urlsplit(self._url.replace(_WILDCARD, "", 1)).netloc if _WILDCARD in self._url else ""

    @property
    def is_on(self) -> bool:
        return bool(self.port)

    def of(self, repo: RepoId, hub: str) -> Host:
        """`hub` is the address that the hub is reached by just now."""
        label, here = subdomain(repo), urlsplit(hub)
        path = f"{PREFIX}{repo.namespace}/{repo.name}"
        if self._wildcard:
            base = self._url.replace(_WILDCARD, f"{label}.", 1)
            return Host(label, base, base, is_opaque=False)
        if self._url:
            return Host(label, self._url + path, self._url + path, is_opaque=True)
        name = f"[{here.hostname}]" if ":" in (here.hostname or "") else here.hostname
        base = f"{here.scheme}://{name}:{self.port}{path}"
        if here.hostname in _LOCAL:
            return Host(label, base, f"{here.scheme}://{label}.localhost:{self.port}", is_opaque=False)
        return Host(label, base, base, is_opaque=True)

    def label(self, host: str) -> str:
        """The subdomain that a Host header names; empty where it names none of an app."""
        name = host.lower()
        for below in (self._wildcard.lower(), f"localhost:{self.port}"):
            if below and name.endswith(f".{below}"):
                return name.removesuffix(f".{below}")
        return ""


def subdomain(repo: RepoId) -> str:
    """As on the Hub, `namespace-name` in what host names may have; with a digest where that is not what it was made of."""
    plain = f"{repo.namespace}-{repo.name}".lower()
    label = re.sub(r"[^a-z0-9-]+", "-", plain).strip("-")
    # `a-b/c` and `a/b-c` would be one; and a name has to fit into a label.
    is_itself = label == plain and len(label) <= _LABEL_MAX and "-" not in f"{repo.namespace}{repo.name}"
    if is_itself:
        return label
    digest = hashlib.sha256(str(repo).lower().encode()).hexdigest()[:8]
    return f"{label[: _LABEL_MAX - 9].rstrip('-')}-{digest}"
