"""JSON as the public Hub writes it (hub-api.md section 9, hub-recordings.md): keys in its order, dates with milliseconds."""

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
}


_NOT_LISTED = ("baseModels", "childrenModelCount", "usedStorage")
"""What the Hub tells of one model and not in lists (huggingface_hub pull request 3182)."""


def parse_expand(repo_type: RepoType, names: list[str], *, listed: bool = False) -> list[str]:
    """Raises BadRequest with the Hub's text, which the client's own tests parse. `listed`: of a list."""
    known = [
        name for name in _EXPANDABLE[repo_type] if not (listed and repo_type is RepoType.MODEL and name in _NOT_LISTED)
    ]
    if any(name not in known for name in names):
        raise BadRequest(f'"expand" must be one of [{", ".join(known)}]')
    return names


def expanded(found: Json, names: list[str]) -> Json:
    """Only what was asked for, and the ids; all of it when nothing was asked."""
    if not names:
        return found
    return {key: value for key, value in found.items() if key in ("_id", "id") or key in names}


def repo(request: Request, info: RepoInfo, told: Told, *, sha: Oid | None = None) -> Json:
    """The full object, without `siblings`."""
    card: Json = msgspec.json.decode(info.card)
    found: Json = {
        "_id": info.uid,
        "id": str(info.repo_id),
        "private": info.private,
        "author": info.repo_id.namespace,
        "sha": sha or info.sha,
        "lastModified": date(info.updated_at),
        "gated": info.gated or False,
        "disabled": info.disabled,
        "tags": tags_of(msgspec.json.decode(info.tags), info.sdk),
        "downloads": info.downloads,
        "downloadsAllTime": info.downloads_all,
        "likes": info.likes,
        "trendingScore": trending(info.trending),
        "cardData": card or None,
        "createdAt": date(info.created_at),
        "usedStorage": info.used_storage,
        "resourceGroup": None,
        "xetEnabled": True,
    }
    match info.repo_id.type:
        case RepoType.MODEL:
            found |= _model(info, card, told)
        case RepoType.DATASET:
            details = told.read()
            found |= {"description": told.summary or "", "citation": details.get("citation")}
            found |= {"paperswithcode_id": card.get("paperswithcode_id"), "mainSize": details.get("rows")}
        case RepoType.SPACE:
            found |= _space(request, info, card)
    return found


def trending(thousandths: int) -> int | float:
    """The score as the Hub writes it: a whole number without a point."""
    return thousandths / 1000 if thousandths % 1000 else thousandths // 1000


_OF_FILES = ("config", "safetensors", "gguf", "transformersInfo", "mask_token", "widgetData", "evalResults")
OF_DETAILS = frozenset((*_OF_FILES, "citation", "mainSize"))
"""Fields for which the facts are needed with their details."""


def _model(info: RepoInfo, card: Json, told: Told) -> Json:
    """Fields that a model may lack are left out, as on the Hub."""
    details = told.read()
    found: Json = {"modelId": str(info.repo_id), "model-index": card.get("model-index"), "config": {}, "spaces": []}
    for name, value in (("pipeline_tag", told.pipeline_tag), ("library_name", told.library_name)):
        if value is not None:
            found[name] = value
    return found | {name: details[name] for name in _OF_FILES if name in details}


def _space(request: Request, info: RepoInfo, card: Json) -> Json:
    subdomain = str(info.repo_id).replace("/", "-").replace(".", "-").replace("_", "-").lower()
    hardware = {"current": None, "requested": None}
    return {
        "sdk": info.sdk,
        "region": "local",
        "subdomain": subdomain,
        "host": f"{request.base_url}{info.repo_id.web_path}",
        "models": _list(card, "models"),
        "datasets": _list(card, "datasets"),
        "runtime": {
            "stage": "STOPPED",
            "hardware": hardware,
            "storage": None,
            "gcTimeout": None,
            "replicas": {"requested": 1},
        },
    }


def _list(card: Json, name: str) -> list[str]:
    value = card.get(name)
    return [str(item) for item in value] if isinstance(value, list) else []


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


_UNSCANNED = msgspec.Raw(
    msgspec.json.encode(
        {
            "status": "unscanned",
            "avScan": {"status": "unscanned", "message": None, "reportLink": None},
            "pickleImportScan": {"status": "unscanned", "pickleImports": [], "version": None},
        }
    )
)
"""Encoded once: it stands in every row of a page."""


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


def entry(found: Entry, commits: dict[Oid, msgspec.Raw] | None) -> EntryRow:
    """`commits` (JSON by id) stands for `expand=true`."""
    commit = commits[found.last_commit] if commits is not None else msgspec.UNSET
    if found.mode == MODE_TREE:
        return EntryRow("directory", found.oid, 0, msgspec.UNSET, msgspec.UNSET, found.path, commit, msgspec.UNSET)
    lfs: LargeRow | msgspec.UnsetType = msgspec.UNSET
    xet_hash: str | msgspec.UnsetType = msgspec.UNSET
    if found.sha256 is not None:
        lfs = LargeRow(found.sha256, found.size, found.pointer_size)
        xet_hash = found.xet_hash or msgspec.UNSET
    scan = _UNSCANNED if commits is not None else msgspec.UNSET
    return EntryRow("file", found.oid, found.size, lfs, xet_hash, found.path, commit, scan)
