"""JSON as the public Hub writes it (hub-api.md section 9, hub-recordings.md): keys in its order, dates with milliseconds."""

from collections.abc import Callable, Sequence, Set
from functools import lru_cache
from typing import Any

import msgspec

from pioche.errors import BadRequest
from pioche.git.objects import MODE_TREE
from pioche.http.dates import date as date
from pioche.http.messages import Request
from pioche.names import Oid, RepoType, Sha256
from pioche.repos.facts.telling import Told
from pioche.repos.files import Entry
from pioche.repos.info import RepoInfo, Sibling, tags_of
from pioche.repos.preview.pickles import Import
from pioche.spaces import hosts

Json = dict[str, Any]

_EXPANDABLE = {
    RepoType.MODEL: """author baseModels cardData childrenModelCount config createdAt disabled downloads downloadsAllTime
        evalResults gated gguf inference inferenceProviderMapping lastModified library_name likes mask_token model-index
        pipeline_tag private resourceGroup safetensors sha siblings spaces tags transformersInfo trendingScore usedStorage
        widgetData gitalyUid xetEnabled""".split(),
    RepoType.DATASET: """author cardData citation createdAt description disabled downloads downloadsAllTime gated
        lastModified likes mainSize paperswithcode_id private resourceGroup sha siblings tags trendingScore usedStorage
        gitalyUid xetEnabled""".split(),
    RepoType.SPACE: """author cardData createdAt datasets disabled lastModified likes models private region resourceGroup
        runtime sdk sha siblings subdomain tags trendingScore usedStorage gitalyUid xetEnabled""".split(),
    RepoType.KERNEL: "author createdAt downloads gated lastModified likes private sha siblings tags usedStorage".split(),
}


_NOT_LISTED = ("baseModels", "childrenModelCount", "usedStorage")
"""What the Hub tells of one model and not in lists (huggingface_hub pull request 3182); its refusals do not name them."""
_LISTED_HERE = ("baseModels",)
"""Of these, what is told in lists here all the same."""


def parse_expand(repo_type: RepoType, names: list[str], *, listed: bool = False) -> list[str]:
    """Raises BadRequest with the Hub's text, which the client's own tests parse. `listed`: of a list."""
    known = [
        name for name in _EXPANDABLE[repo_type] if not (listed and repo_type is RepoType.MODEL and name in _NOT_LISTED)
    ]
    allowed = (*known, *_LISTED_HERE) if listed and repo_type is RepoType.MODEL else known
    if any(name not in allowed for name in names):
        raise BadRequest(f'"expand" must be one of [{", ".join(known)}]')
    return names


def expanded(found: Json, names: list[str]) -> Json:
    """Only what was asked for, and the ids; all of it when nothing was asked."""
    if not names:
        return found
    return {key: value for key, value in found.items() if key in ("_id", "id") or key in names}


class _Seen:
    """A repo, and what its fields are made of; the card and the details are read when a field asks for them."""

    __slots__ = ("_card", "_details", "info", "name", "request", "sha", "told")

    def __init__(self, request: Request, info: RepoInfo, told: Told, sha: Oid) -> None:
        self.request, self.info, self.told, self.sha = request, info, told, sha
        self.name = str(info.repo_id)
        self._card: Json | None = None
        self._details: Json | None = None

    @property
    def card(self) -> Json:
        if self._card is None:
            self._card = msgspec.json.decode(self.info.card)
        return self._card

    @property
    def details(self) -> Json:
        if self._details is None:
            self._details = self.told.read()
        return self._details


def repo(request: Request, info: RepoInfo, told: Told, *, sha: Oid | None = None, kept: Set[str] | None = None) -> Json:
    """The full object, without `siblings`; of it the fields `kept`, which alone are made."""
    seen = _Seen(request, info, told, sha or info.sha)
    fields = _fields(info.repo_id.type, None if kept is None else frozenset(kept))
    return {name: value for name, make in fields if (value := make(seen)) is not _ABSENT}


@lru_cache(maxsize=1024)
def _fields(repo_type: RepoType, kept: frozenset[str] | None) -> list[tuple[str, "_Make"]]:
    return [(name, make) for name, make in _MADE[repo_type].items() if kept is None or name in kept]


def trending(thousandths: int) -> int | float:
    """The score as the Hub writes it: a whole number without a point."""
    return thousandths / 1000 if thousandths % 1000 else thousandths // 1000


_OF_FILES = ("config", "safetensors", "gguf", "transformersInfo", "mask_token", "widgetData", "evalResults")
OF_DETAILS = frozenset((*_OF_FILES, "baseModels", "citation", "mainSize"))
"""Fields for which the facts are needed with their details."""

_Make = Callable[[_Seen], object]
_ABSENT = msgspec.UNSET
"""Of a field that a repo may lack: it is left out, as on the Hub."""
_tags = msgspec.json.Decoder(list[str])


def _told_or_absent(value: str | None) -> object:
    return _ABSENT if value is None else value


def _detail(name: str) -> _Make:
    return lambda seen: seen.details.get(name, _ABSENT)


def _subdomain(seen: _Seen) -> str:
    return hosts.subdomain(seen.info.repo_id)


def _host(seen: _Seen) -> str:
    """Where the app answers; without one, where its page is."""
    where, base = seen.request.hub.app_hosts, seen.request.base_url
    return where.of(seen.info.repo_id, base).client if where.is_on else f"{base}{seen.info.repo_id.web_path}"


def _runtime(_seen: _Seen) -> Json:
    hardware = {"current": None, "requested": None}
    return {
        "stage": "STOPPED",
        "hardware": hardware,
        "storage": None,
        "gcTimeout": None,
        "replicas": {"requested": 1},
    }


def _list(card: Json, name: str) -> list[str]:
    value = card.get(name)
    return [str(item) for item in value] if isinstance(value, list) else []


# How each field is made, in the order in which the Hub writes them.
_OF_ALL: dict[str, _Make] = {
    "_id": lambda seen: seen.info.uid,
    "id": lambda seen: seen.name,
    "private": lambda seen: seen.info.private,
    "author": lambda seen: seen.info.repo_id.namespace,
    "sha": lambda seen: seen.sha,
    "lastModified": lambda seen: date(seen.info.updated_at),
    "gated": lambda seen: seen.info.gated or False,
    "disabled": lambda seen: seen.info.disabled,
    "tags": lambda seen: tags_of(_tags.decode(seen.info.tags), seen.info.sdk),
    "downloads": lambda seen: seen.info.downloads,
    "downloadsAllTime": lambda seen: seen.info.downloads_all,
    "likes": lambda seen: seen.info.likes,
    "trendingScore": lambda seen: trending(seen.info.trending),
    "cardData": lambda seen: seen.card or None,
    "createdAt": lambda seen: date(seen.info.created_at),
    "usedStorage": lambda seen: seen.info.used_storage,
    "resourceGroup": lambda _seen: None,
    "xetEnabled": lambda _seen: True,
}
_OF_MODELS: dict[str, _Make] = {
    "modelId": lambda seen: seen.name,
    "model-index": lambda seen: seen.card.get("model-index"),
    "config": lambda seen: seen.details.get("config", {}),
    "spaces": lambda _seen: [],
    "pipeline_tag": lambda seen: _told_or_absent(seen.told.pipeline_tag),
    "library_name": lambda seen: _told_or_absent(seen.told.library_name),
    **{name: _detail(name) for name in _OF_FILES if name != "config"},
}
_OF_DATASETS: dict[str, _Make] = {
    "description": lambda seen: seen.told.summary or "",
    "citation": lambda seen: seen.details.get("citation"),
    "paperswithcode_id": lambda seen: seen.card.get("paperswithcode_id"),
    "mainSize": lambda seen: seen.details.get("rows"),
}
_OF_SPACES: dict[str, _Make] = {
    "sdk": lambda seen: seen.info.sdk,
    "region": lambda _seen: "local",
    "subdomain": _subdomain,
    "host": _host,
    "models": lambda seen: _list(seen.card, "models"),
    "datasets": lambda seen: _list(seen.card, "datasets"),
    "runtime": _runtime,
}
_MADE = {
    RepoType.MODEL: {**_OF_ALL, **_OF_MODELS},
    RepoType.DATASET: {**_OF_ALL, **_OF_DATASETS},
    RepoType.SPACE: {**_OF_ALL, **_OF_SPACES},
    RepoType.KERNEL: _OF_ALL,
    RepoType.BUCKET: _OF_ALL,
}


def siblings(rows: list[Sibling], *, with_blobs: bool) -> list[Json]:
    if not with_blobs:
        return [{"rfilename": row[0]} for row in rows]
    found = list[Json]()
    for path, size, oid, sha256, pointer_size in rows:
        row = {"rfilename": path, "blobId": oid, "size": size}
        if sha256 is not None:
            row["lfs"] = {"sha256": sha256, "size": size, "pointerSize": pointer_size}
        found.append(row)
    return found


_SAFETY = {"harmless": "innocuous", "unknown": "suspicious", "dangerous": "dangerous"}


def _security(imports: Sequence[Import]) -> msgspec.Raw:
    """`securityFileStatus` (hub-recordings.md) of a file with these imports. It is never "safe": no scanner looked for viruses,
    and what is harmless in a list of imports is no verdict."""
    kinds = {one.kind for one in imports}
    status = "unsafe" if "dangerous" in kinds else "suspicious" if "unknown" in kinds else "unscanned"
    names = [(one.name.rpartition("."), _SAFETY[one.kind]) for one in imports]
    rows = [{"module": module, "name": name, "safety": safety} for (module, _, name), safety in names]
    found = {
        "status": status,
        "avScan": {"status": "unscanned", "message": None, "reportLink": None},
        "pickleImportScan": {"status": status, "pickleImports": rows, "version": None},
    }
    return msgspec.Raw(msgspec.json.encode(found))


_UNSCANNED = _security(())
"""Encoded once: it stands in nearly every row of a page."""


def repo_security(unsafe: Sequence[Json]) -> Json:
    """`securityRepoStatus`; `unsafe` is of the facts' details."""
    return {"scansDone": False, "filesWithIssues": [{"path": one["path"], "level": "unsafe"} for one in unsafe]}


class LargeRow(msgspec.Struct, gc=False):
    """What git-lfs says of a large file."""

    oid: Sha256
    size: int
    pointerSize: int | None


class EntryRow(msgspec.Struct, gc=False):
    """A row of tree and paths-info. A page has a thousand: a dict for each costs three times as much.

    DuckDB's scanner wants `path` after `type`, which the order of the Hub gives (clients.md section 0).
    """

    type: str
    oid: Oid
    size: int
    lfs: LargeRow | msgspec.UnsetType
    xetHash: str | msgspec.UnsetType
    path: str
    lastCommit: msgspec.Raw | msgspec.UnsetType
    securityFileStatus: msgspec.Raw | msgspec.UnsetType


def entry(found: Entry, commits: dict[Oid, msgspec.Raw] | None, imports: Sequence[Import] = ()) -> EntryRow:
    """`commits` (JSON by id) stands for `expand=true`; `imports` is what a pickle would import."""
    commit = commits[found.last_commit] if commits is not None else msgspec.UNSET
    if found.mode == MODE_TREE:
        return EntryRow("directory", found.oid, 0, msgspec.UNSET, msgspec.UNSET, found.path, commit, msgspec.UNSET)
    lfs: LargeRow | msgspec.UnsetType = msgspec.UNSET
    xet_hash: str | msgspec.UnsetType = msgspec.UNSET
    if found.sha256 is not None:
        lfs = LargeRow(found.sha256, found.size, found.pointer_size)
        xet_hash = found.xet_hash or msgspec.UNSET
    scan = (_security(imports) if imports else _UNSCANNED) if commits is not None else msgspec.UNSET
    return EntryRow("file", found.oid, found.size, lfs, xet_hash, found.path, commit, scan)
