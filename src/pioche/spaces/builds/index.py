"""The package index that this machine is configured with, read for builds: pages of projects, and the files that they name.

Several places are read as one, as pip does. What was fetched stays on the disk: pages for some minutes, files by their hash.
Nothing of it is written by what runs in a build. No name of a registry stands here: pip is asked which one it would take.
"""

import base64
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import msgspec

from pioche.errors import NotFound, Unreachable
from pioche.networks import Allowed
from pioche.outbound.streams import Streams
from pioche.outbound.targets import Guard
from pioche.spaces.builds.requirements import normal
from pioche.storage.disk import translated

_ASKED = """
import json, os
uv = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL")
more = (os.environ.get("UV_INDEX", "") + " " + os.environ.get("UV_EXTRA_INDEX_URL", "")).split()
try:
    from pip._internal.commands import create_command
    pip = create_command("download").parser.get_default_values()
    first, others, links = "" if pip.no_index else pip.index_url, pip.extra_index_urls, pip.find_links
except ImportError:
    first, others, links = "", [], []
print(json.dumps([uv or first, [*more, *others], links]))
"""
_ANSWER_S = 30
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_PAGE_BYTES_MAX = 64 * 2**20
_FILE_BYTES_MAX = 8 * 2**30
_PAGE_S = 600
_PIECE = 2**20
_PROJECT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,200}[a-z0-9])?\Z")
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,300}\Z")
_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2")
_KEPT = ("requires-python", "core-metadata", "yanked", "size", "upload-time")


@dataclass(frozen=True, slots=True)
class Source:
    """A place with packages: an index (`links` false), or a folder or page of files. Credentials are in no `repr`."""

    url: str
    links: bool = False
    authorization: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str, *, links: bool = False) -> "Source":
        if "://" not in url:
            url = Path(url).absolute().as_uri()
        parts = urlsplit(url)
        _, at, host = parts.netloc.rpartition("@")
        plain = urlunsplit(parts._replace(netloc=host))
        if not parts.path.endswith(_ARCHIVES) and (not links or parts.scheme != "file"):
            plain = plain.rstrip("/") + "/"
        if not at:
            return cls(plain, links)
        pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        return cls(plain, links, f"Basic {base64.b64encode(pair.encode()).decode()}")


def configured(url: str = "") -> tuple[Source, ...]:
    """That of the setting; without one, those of pip and uv on this machine."""
    if url:
        return (Source.of(url),)
    first, others, links = _of_this_machine()
    indexes = [Source.of(one) for one in (first, *others) if one]
    return (*indexes, *(Source.of(one, links=True) for one in links))


@functools.cache
def _of_this_machine() -> tuple[str, list[str], list[str]]:
    try:
        answer = subprocess.check_output(
            [sys.executable, "-c", _ASKED], text=True, timeout=_ANSWER_S, stderr=subprocess.DEVNULL, cwd="/"
        )
    except (OSError, subprocess.SubprocessError):
        return "", [], []
    first, others, links = json.loads(answer)
    return first, others, links


class Entry(msgspec.Struct, omit_defaults=True):
    """A file of a project. `shown` is what its page says of it; `origin` is where it is, which is not shown."""

    filename: str
    origin: str
    sha256: str = ""
    source: int = 0
    shown: dict[str, Any] = {}

    @property
    def metadata_sha256(self) -> str:
        found = self.shown.get("core-metadata")
        return str(found.get("sha256", "")) if isinstance(found, dict) else ""


class Index:
    """All methods may be called from any thread. `folder` is a cache."""

    def __init__(
        self, sources: Callable[[], Sequence[Source]], folder: Path, *, allowed: Sequence[Allowed] = ()
    ) -> None:
        """`sources` is asked at the first use: finding them out takes a process."""
        self._find, self._folder, self._also = sources, folder, tuple(allowed)

    def also(self, more: Sequence[Source]) -> "Index":
        """This one and other places, which come first."""
        if not more:
            return self
        hosts = [found for source in more if (found := host_of(source.url)) is not None]
        return Index(lambda: (*more, *self.sources), self._folder, allowed=(*self._also, *hosts))

    @functools.cached_property
    def sources(self) -> tuple[Source, ...]:
        return tuple(self._find())

    @functools.cached_property
    def _allowed(self) -> tuple[Allowed, ...]:
        return (*self._also, *(found for source in self.sources if (found := host_of(source.url)) is not None))

    @functools.cached_property
    def _streams(self) -> Streams:
        return Streams(Guard(self._allowed))

    @property
    def name(self) -> str:
        """What is said of it in hashes and logs: its places, without credentials."""
        return " ".join(source.url for source in self.sources)

    def page(self, project: str) -> bytes:
        """Of a project, as PEP 691 has it; addresses of files are below this one. Raises NotFound, Unreachable."""
        shown = [
            {"filename": entry.filename, "url": f"../../files/{project}/{entry.filename}", **entry.shown,
             "hashes": {"sha256": entry.sha256} if entry.sha256 else {}}
            for entry in self.entries(project)
        ]  # fmt: skip
        return msgspec.json.encode({"meta": {"api-version": "1.0"}, "name": project, "files": shown})

    def entries(self, project: str) -> list[Entry]:
        """Raises NotFound, Unreachable."""
        if not _PROJECT.match(project):
            raise NotFound("There is no such project")
        kept = self._folder / "pages" / f"{hashlib.sha256(f'{self.name} {project}'.encode()).hexdigest()}.json"
        with suppress(FileNotFoundError):
            if kept.stat().st_mtime > time.time() - _PAGE_S:
                return msgspec.json.decode(kept.read_bytes(), type=list[Entry])
        found = self._read(project)
        _write(kept, [msgspec.json.encode(found)])
        return found

    @contextmanager
    def open(
        self, project: str, filename: str, *, metadata: bool = False
    ) -> Iterator[tuple[int | None, Iterable[bytes]]]:
        """A file, or what it says of itself (PEP 658): its size where that is known, and its bytes. Raises NotFound,
        Unreachable, TooLarge."""
        entry = next((entry for entry in self.entries(project) if entry.filename == filename), None)
        if entry is None or (metadata and not entry.shown.get("core-metadata")):
            raise NotFound("There is no such file")
        url = entry.origin + (".metadata" if metadata else "")
        sha256 = entry.metadata_sha256 if metadata else entry.sha256
        kept = self._folder / "files" / sha256[:2] / sha256 if sha256 else None
        local = _path(url) or (kept if kept and kept.is_file() else None)
        with ExitStack() as opened:
            if local is not None:
                try:
                    file = opened.enter_context(local.open("rb"))
                except OSError:
                    raise NotFound("There is no such file") from None
                if local == kept:
                    os.utime(local)
                yield os.fstat(file.fileno()).st_size, iter(lambda: file.read(_PIECE), b"")
                return
            stream = opened.enter_context(self._of_files(url).get(url, self._headers(entry)))
            if stream.status != 200:
                raise NotFound("There is no such file")
            size = stream.headers.get("content-length", "")
            pieces = stream.pieces(_FILE_BYTES_MAX)
            yield int(size) if size.isdigit() else None, _keeping(kept, sha256, pieces) if kept else pieces

    def tidy(self, bytes_max: int) -> None:
        """Removes files that were used last longest ago, until the others are no more than that."""
        kept = list[tuple[float, int, Path]]()
        for path in self._folder.glob("*/**/*"):
            with suppress(FileNotFoundError):
                found = path.stat()
                if path.is_file():
                    kept.append((found.st_mtime, found.st_size, path))
        total = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= bytes_max:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _read(self, project: str) -> list[Entry]:
        found = dict[str, Entry]()
        known = False
        for number, source in enumerate(self.sources):
            page = self._of_source(source, project)
            known = known or page is not None
            for entry in page or ():
                entry.source = number
                if _FILENAME.match(entry.filename) and entry.filename.endswith(_ARCHIVES):
                    found.setdefault(entry.filename, entry)
        if not known:
            raise NotFound(f"The package index has no project {project}")
        return list(found.values())

    def _of_source(self, source: Source, project: str) -> list[Entry] | None:
        """None where it does not know the project."""
        if (place := _path(source.url)) is not None:
            return _in_folder(place, project) if source.links else _in_page_file(place / project)
        url = source.url if source.links else f"{source.url}{project}/"
        if urlsplit(url).path.endswith(_ARCHIVES):
            entry = _of_link({"href": url}, url)
            return [entry] if _is_of(entry.filename, project) else None
        headers = {"Accept": _ACCEPT} | ({"Authorization": source.authorization} if source.authorization else {})
        with self._streams.get(url, headers) as stream:
            if stream.status == 404:
                return None
            if stream.status != 200:
                raise Unreachable(f"The package index answered {stream.status}")
            body = b"".join(stream.pieces(_PAGE_BYTES_MAX))
            entries = _parsed(body, stream.headers.get("content-type", ""), stream.url)
        return [entry for entry in entries if _is_of(entry.filename, project)] if source.links else entries

    def _of_files(self, url: str) -> Streams:
        """The pages of the index say where its files are, inside this network too: who named the index trusts it so far. Over
        plain http they come from its own host alone."""
        place = host_of(url) if url.startswith("https://") else None
        return Streams(Guard([*self._allowed, place])) if place is not None else self._streams

    def _headers(self, entry: Entry) -> dict[str, str]:
        """Credentials go to the host that they are for, and to no other."""
        source = self.sources[entry.source]
        same = urlsplit(entry.origin).netloc == urlsplit(source.url).netloc
        return {"Authorization": source.authorization} if same and source.authorization else {}


def host_of(url: str) -> Allowed | None:
    """Where an address leads may be inside the network, when an administrator named it."""
    parts = urlsplit(url)
    if parts.hostname is None:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Allowed.parse(f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}")


def _keeping(kept: Path, sha256: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Hands the pieces on, and keeps them when they are what they were to be."""
    hashed = hashlib.sha256()
    with translated():
        kept.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=kept.parent)
    try:
        with open(descriptor, "wb") as out:
            for piece in pieces:
                hashed.update(piece)
                with translated():
                    out.write(piece)
                yield piece
        if hashed.hexdigest() == sha256:
            os.rename(part, kept)
    finally:
        Path(part).unlink(missing_ok=True)


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with translated():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=path.parent)
        with open(descriptor, "wb") as out:
            out.writelines(pieces)
        os.rename(part, path)


def _path(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _in_folder(place: Path, project: str) -> list[Entry]:
    if not place.is_dir():
        return []
    found = [path for path in sorted(place.iterdir()) if path.is_file() and _is_of(path.name, project)]
    return [Entry(path.name, path.as_uri(), _sha256(path, path.stat().st_mtime_ns)) for path in found]


def _in_page_file(place: Path) -> list[Entry] | None:
    """A static index on this disk."""
    try:
        body = (place / "index.html").read_bytes()
    except OSError:
        return None
    entries = _parsed(body, "text/html", place.as_uri() + "/")
    for entry in entries:
        if not entry.sha256 and (path := _path(entry.origin)) is not None and path.is_file():
            entry.sha256 = _sha256(path, path.stat().st_mtime_ns)
    return entries


@functools.lru_cache(maxsize=10_000)
def _sha256(path: Path, _changed_at: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_of(filename: str, project: str) -> bool:
    """By its name: `name-version-...whl`, `name-version.tar.gz`."""
    if filename.endswith(".whl"):
        return normal(filename.partition("-")[0]) == project
    stem = next((filename.removesuffix(end) for end in _ARCHIVES if filename.endswith(end)), "")
    return normal(stem.rpartition("-")[0]) == project


def _parsed(body: bytes, content_type: str, url: str) -> list[Entry]:
    """Raises Unreachable for what is no page of an index."""
    try:
        if "json" in content_type:
            return [_of_json(one, url) for one in json.loads(body)["files"]]
        page = _Page()
        page.feed(body.decode(errors="replace"))
        return [_of_link(attributes, urljoin(url, page.base)) for attributes in page.links]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unreachable("What the package index sent is no page of an index") from None


def _of_json(found: dict[str, Any], url: str) -> Entry:
    shown = {name: found[name] for name in _KEPT if name in found}
    if "core-metadata" not in shown and "dist-info-metadata" in found:
        shown["core-metadata"] = found["dist-info-metadata"]
    return Entry(
        str(found["filename"]), urljoin(url, found["url"]), str(found.get("hashes", {}).get("sha256", "")), 0, shown
    )


def _of_link(attributes: dict[str, str], url: str) -> Entry:
    parts = urlsplit(urljoin(url, attributes["href"]))
    origin = urlunsplit(parts._replace(fragment=""))
    shown = dict[str, Any]()
    if requires := attributes.get("data-requires-python"):
        shown["requires-python"] = requires
    metadata = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    if metadata and metadata != "false":
        kind, _, value = metadata.partition("=")
        shown["core-metadata"] = {kind: value} if value else True
    if "data-yanked" in attributes:
        shown["yanked"] = attributes["data-yanked"] or True
    name, _, value = parts.fragment.partition("=")
    return Entry(unquote(parts.path.rpartition("/")[2]), origin, value if name == "sha256" else "", 0, shown)


class _Page(HTMLParser):
    """The links of a page as PEP 503 has it."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.links = list[dict[str, str]]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in found:
            self.links.append(found)
        elif tag == "base" and "href" in found:
            self.base = found["href"]
