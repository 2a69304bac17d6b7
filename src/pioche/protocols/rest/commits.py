"""preupload, commit, validate-yaml: how clients publish (hub-api.md section 5)."""

import base64
import binascii
from collections.abc import Callable

import msgspec

from pioche.config import Config
from pioche.errors import BadRequest, EntryNotFound
from pioche.git import attributes
from pioche.http import threads
from pioche.http.messages import Request, Response, json_response
from pioche.names import RepoType, Sha256, parse_path
from pioche.protocols.rest import ndjson
from pioche.repos import commits, files, pulls, revisions
from pioche.repos.access import Action, Repo
from pioche.repos.commits import AddLargeFile, Committed
from pioche.repos.facts import checks
from pioche.repos.revisions import Revision

_FILES_MAX = 1000


class _Card(msgspec.Struct):
    content: str
    repoType: str | None = None


async def validate_yaml(request: Request) -> Response:
    """POST /api/validate-yaml: 400 with `errors` stops a commit, `warnings` are shown."""
    body = await request.json(_Card)
    found = await request.run(checks.review, body.content, RepoType.parse(body.repoType))
    if found.error:
        content = {"errors": [{"message": found.error}], "warnings": [], "error": found.error}
        return json_response(content, status=400)
    return json_response({"errors": [], "warnings": [{"message": text} for text in found.warnings]})


# --- preupload ------------------------------------------------------------------------------------------------------


class _Announced(msgspec.Struct):
    path: str
    sample: str = ""
    size: int = 0


class _Preupload(msgspec.Struct):
    files: list[_Announced]
    gitAttributes: str | None = None
    gitIgnore: str | None = None


async def preupload(request: Request) -> Response:
    """POST /api/{type}s/{repo}/preupload/{rev}: for each file, whether it goes to git or to LFS, and what is there now."""
    body = await request.json(_Preupload)
    if len(body.files) > _FILES_MAX:
        raise BadRequest(f'"files" may have at most {_FILES_MAX} items')
    revision = await revisions.resolve(request.repo, request.params["rev"])
    rows = await request.run(_preupload, request.repo, revision, body, request.hub.config)
    large = [file.size for file, row in zip(body.files, rows, strict=True) if row["uploadMode"] == "lfs"]
    await request.run(request.hub.quotas.expect, request.repo.id, request.caller.user_id, large)
    return json_response({"files": rows, "commitOid": revision.commit})


def _preupload(repo: Repo, revision: Revision, body: _Preupload, config: Config) -> list[dict[str, object]]:
    is_lfs = attributes.lfs_matcher(body.gitAttributes or _text_of(repo, revision, ".gitattributes"))
    is_ignored = attributes.ignore_matcher(body.gitIgnore or _text_of(repo, revision, ".gitignore"))
    rows = list[dict[str, object]]()
    for file in body.files:
        path = parse_path(file.path, backslashes=config.backslash_names == "keep")
        row: dict[str, object] = {
            "path": file.path,
            "uploadMode": "lfs" if _is_large(file, is_lfs, config.regular_file_bytes_max) else "regular",
            "shouldIgnore": is_ignored(path),
        }
        try:
            found = files.locate_sync(repo, revision.commit, path).entry
        except EntryNotFound:
            pass  # a new file has no current oid
        else:
            if found.is_file and (found.sha256 is None or _is_whole(repo, found.sha256)):
                row["oid"] = found.sha256 or found.oid
        rows.append(row)
    return rows


def _is_whole(repo: Repo, sha256: Sha256) -> bool:
    """Clients do not send a file again whose current oid is the same: one that is damaged has none."""
    content = repo.stores.contents.find(repo.id, [sha256]).get(sha256)
    return content is not None and repo.stores.contents.is_whole(content)


def _is_large(file: _Announced, is_lfs: Callable[[str], bool], regular_bytes_max: int) -> bool:
    """By `.gitattributes`, size, or a sample that is not text. Empty files are always regular."""
    if file.size == 0:
        return False
    return file.size > regular_bytes_max or is_lfs(file.path) or _is_binary(_sample(file))


def _sample(file: _Announced) -> bytes:
    try:
        return base64.b64decode(file.sample, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(f'The "sample" of {file.path[:200]!r} is not valid base64') from None


def _is_binary(sample: bytes) -> bool:
    """NUL, or not UTF-8 (a character may be cut at the end of the sample)."""
    if b"\x00" in sample:
        return True
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        return error.start < len(sample) - 3
    return False


def _text_of(repo: Repo, revision: Revision, path: str) -> str:
    try:
        entry = files.locate_sync(repo, revision.commit, path).entry
    except EntryNotFound:
        return ""
    return files.read_blob(repo, entry.oid).decode("utf-8", "replace") if entry.is_file else ""


# --- commit ---------------------------------------------------------------------------------------------------------


async def commit(request: Request) -> Response:
    """POST /api/{type}s/{repo}/commit/{rev}[?create_pr=1]. Rights: whoever may read may propose; only writers commit."""
    creates_pull = request.query.flag("create_pr")
    revision = request.params["rev"]
    if not creates_pull:
        await _check_may_commit(request, revision)
    plan = await ndjson.read_plan(request)
    commits.check_sizes(plan, file_bytes_max=request.hub.config.regular_file_bytes_max)
    if request.hub.grants is not None:
        large = [one.sha256 for one in plan.operations if isinstance(one, AddLargeFile)]
        await threads.run_long(request.hub.grants.complete_sent, request.repo.id, request.caller.user_id, large)
    function = commits.propose if creates_pull else commits.create
    done = await request.run(function, request.repo, request.caller, revision, plan)
    return json_response(_answer(request, done))


async def _check_may_commit(request: Request, revision: str) -> None:
    """A pull request may be added to by whoever opened it."""
    if revision.startswith("refs/pr/"):
        author = await request.run(pulls.author_of, request.repo, revision)
        if author == request.caller.user_id:
            return
    await request.hub.access.open_uid(request.caller, request.repo.uid, Action.WRITE)


def _answer(request: Request, done: Committed) -> dict[str, object]:
    address = request.base_url + request.repo.repo_id.web_path
    answer: dict[str, object] = {
        "success": True,
        "commitOid": done.oid,
        "commitUrl": f"{address}/commit/{done.oid}",
        "hookOutput": "",
    }
    if done.pull_request is not None:
        answer["pullRequestUrl"] = f"{address}/discussions/{done.pull_request}"
    return answer
