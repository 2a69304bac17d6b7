"""The registry of npm that this machine is configured with, read for builds of pages: what it says of a package, and archives.

As with the index of Python's packages: no name of a registry stands here, npm is asked; what runs in a build learns neither its
address nor its credentials.
"""

import functools
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from pioche.errors import NotFound, Unreachable
from pioche.networks import Allowed
from pioche.outbound.streams import Streams
from pioche.outbound.targets import Guard
from pioche.spaces.builds.index import Source, host_of

_NAME = r"(?:@[a-z0-9][a-z0-9._~-]*/)?[A-Za-z0-9_][A-Za-z0-9._~-]*"
_PACKAGE = re.compile(rf"{_NAME}\Z")
_ARCHIVE = re.compile(rf"{_NAME}/-/(?:@[a-z0-9._~-]+/)?[A-Za-z0-9_][A-Za-z0-9._~+-]*\.tgz\Z")
_ACCEPT = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8"
_ANSWER_S = 30
_PAGE_BYTES_MAX = 64 * 2**20
_FILE_BYTES_MAX = 2**30


def configured(url: str = "") -> Source | None:
    """That of the setting; without one, the one that npm of this machine would take. None without npm."""
    found = url or _of_this_machine()
    return Source.of(found) if found.startswith(("http://", "https://")) else None


@functools.cache
def _of_this_machine() -> str:
    npm = shutil.which("npm")
    if npm is None:
        return ""
    try:
        return subprocess.check_output(
            [npm, "config", "get", "registry"], text=True, timeout=_ANSWER_S, stderr=subprocess.DEVNULL, cwd="/"
        ).strip()
    except (OSError, subprocess.SubprocessError):
        return ""


class Registry:
    """All methods may be called from any thread."""

    def __init__(self, find: Callable[[], Source | None], *, allowed: Sequence[Allowed] = ()) -> None:
        self._find, self._also = find, tuple(allowed)

    @functools.cached_property
    def source(self) -> Source | None:
        return self._find()

    @contextmanager
    def open(self, path: str, own: str) -> Iterator[tuple[int | None, Iterable[bytes]]]:
        """What lies at a path: of a package, with addresses that begin with `own` where they are this registry's; or an archive.

        Raises NotFound, Unreachable, TooLarge."""
        source = self.source
        if source is None or not (_PACKAGE.match(path) or _ARCHIVE.match(path)):
            raise NotFound("There is no such package")
        is_page = not path.endswith(".tgz") or "/-/" not in path
        headers = {"Accept": _ACCEPT if is_page else "*/*"}
        if source.authorization:
            headers["Authorization"] = source.authorization
        address = source.url + (quote(path, safe="@") if is_page else quote(path, safe="@/"))
        with self._streams.get(address, headers) as stream:
            if stream.status == 404:
                raise NotFound("The registry has no such package")
            if stream.status != 200:
                raise Unreachable(f"The registry of npm answered {stream.status}")
            if not is_page:
                size = stream.headers.get("content-length", "")
                yield int(size) if size.isdigit() else None, stream.pieces(_FILE_BYTES_MAX)
                return
            page = b"".join(stream.pieces(_PAGE_BYTES_MAX)).replace(source.url.encode(), own.encode())
        yield len(page), [page]

    @functools.cached_property
    def _streams(self) -> Streams:
        place = host_of(self.source.url) if self.source is not None else None
        return Streams(Guard([*self._also, *([place] if place is not None else [])]))


def environment(url: str, scratch: Path) -> dict[str, str]:
    """For npm, so that it asks `url` and nobody else, and says nothing that nobody asked for."""
    return {
        "npm_config_registry": url, "npm_config_replace_registry_host": "always", "npm_config_cache": str(scratch / ".npm"),
        "npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false",
        "npm_config_fetch_retries": "1",
    }  # fmt: skip
