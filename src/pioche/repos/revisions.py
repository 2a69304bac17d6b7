"""From what a caller writes (`main`, `v1.0`, `refs/pr/3`, `HEAD`, a commit id, its first 7 digits) to a commit."""

from collections.abc import Sequence

import msgspec

from pioche.db.engine import Lookup, Row
from pioche.errors import RevisionNotFound
from pioche.git.objects import ObjectMissing
from pioche.names import DEFAULT_REF, HEX40, SHORT_REVISION, Oid, full_ref
from pioche.repos.access import Repo

_SEEN_MAX = 50_000

_REFS = Lookup(
    """SELECT name, "commit" FROM refs WHERE repo_id = :repo AND name IN (:first, :second, 'refs/heads/main')"""
)


class Revision(msgspec.Struct, frozen=True):
    """`text` as the caller wrote it; `ref` when a ref led to the commit; `is_tip`: the rows of `entries` describe it."""

    text: str
    commit: Oid
    ref: str | None
    is_tip: bool


async def resolve(repo: Repo, text: str) -> Revision:
    """Raises RevisionNotFound."""
    rows = await repo.database.fetch_all(_REFS, _parameters(repo, text))
    return decide(repo, text, rows)


def resolve_sync(repo: Repo, text: str) -> Revision:
    """As `resolve`, in a thread."""
    return decide(repo, text, repo.database.fetch_all_sync(_REFS, _parameters(repo, text)))


def _parameters(repo: Repo, text: str) -> dict[str, object]:
    check(text)
    first, second = candidates(text)
    return {"repo": repo.id, "first": first, "second": second}


def check(text: str) -> None:
    """Raises RevisionNotFound for what no database can look for."""
    if "\x00" in text:
        raise RevisionNotFound(text)


def candidates(text: str) -> tuple[str, str]:
    """The two refs that `text` may name, in the order in which they count."""
    refs = full_ref(text)
    return refs[0], refs[-1]


def decide(repo: Repo, text: str, rows: Sequence[Row]) -> Revision:
    """The pure part: `rows` are (ref, commit) of the candidates and the default branch."""
    commits = {name: Oid(commit) for name, commit in rows}
    tip = commits.get(DEFAULT_REF)
    for ref in candidates(text):
        if ref in commits:
            return Revision(text, commits[ref], ref, is_tip=commits[ref] == tip)
    if text == tip:
        return Revision(text, Oid(text), None, is_tip=True)
    commit = find_commit(repo, text)
    return Revision(text, commit, None, is_tip=commit == tip)


def find_commit(repo: Repo, text: str) -> Oid:
    """The commit of this full id, or the only one whose id begins so (7 digits at least). Raises RevisionNotFound."""
    if HEX40.match(text):
        return _known(repo, Oid(text))
    if SHORT_REVISION.match(text):
        found = repo.objects.expand_short(text)
        if len(found) == 1:
            return found[0]
    raise RevisionNotFound(text)


# Commits that were seen to be there, until the repo is collected: clients pin one and ask for many of its files.
_seen: set[tuple[str, int, Oid]] = set()


def _known(repo: Repo, oid: Oid) -> Oid:
    key = repo.uid, repo.epoch, oid
    if key not in _seen:
        try:
            repo.objects.commit(oid)
        except ObjectMissing:
            raise RevisionNotFound(oid) from None
        if len(_seen) >= _SEEN_MAX:
            _seen.clear()
        _seen.add(key)
    return oid
