"""Facts from all files of the tip at once: after an upgrade, for a repo that was never looked at, and to check the rows."""

from collections.abc import Callable

from pioche.db.engine import Lookup
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import Oid
from pioche.repos.access import Repo
from pioche.repos.facts import observation, records
from pioche.repos.facts.observation import Noticed, Observed

_TIP = Lookup("""SELECT "commit" FROM refs WHERE repo_id = :repo AND name = 'refs/heads/main'""")
_ATTEMPTS = 20

UPDATED = "repo.facts.update"
"""The event: what is told of a repo changed without a commit."""


def look(repo: Repo, commit: Oid) -> Noticed:
    """Everything of interest at `commit`. Reads git, writes nothing."""
    changes = repo.objects.diff(None, repo.objects.commit(commit).tree)
    return observation.notice(repo.repo_id.type, changes, repo.objects.blob, is_whole=True)


def derive(repo: Repo) -> bool:
    """Derives the facts of a repo anew, at the tip as it is now; headers that were read stay. False when the branch moved
    all the while: then a commit that is under way does it."""
    for _ in range(_ATTEMPTS):
        commit = _tip(repo)
        if commit is None:
            return True
        noticed = look(repo, commit)
        if _is_right(repo, commit, noticed):
            return True
        with repo.database.write() as connection:
            if records.lock_tip(connection, repo.id) != commit:
                continue
            if not records.is_right(connection, repo.id, noticed, must_be_known=True):
                records.store(connection, repo.id, noticed)
                outbox.append(connection, Event(UPDATED, repo.id, None, {}))
            return True
    return False


def _is_right(repo: Repo, commit: Oid, noticed: Noticed) -> bool:
    """Without a lock, which whoever commits would wait for: after an upgrade most repos are right."""
    with repo.database.read() as connection:
        right = records.is_right(connection, repo.id, noticed, must_be_known=True)
    return right and _tip(repo) == commit


def _tip(repo: Repo) -> Oid | None:
    row = repo.database.fetch_one_sync(_TIP, {"repo": repo.id})
    return Oid(row[0]) if row is not None else None


def amend(repo: Repo, add: Callable[[Observed], None]) -> None:
    """Lets `add` write down what was read from files, if the repo is still there, and stores what follows from it."""
    with repo.database.write() as connection:
        if records.lock_tip(connection, repo.id) is None:
            return
        record = records.read(connection, repo.id)
        if record is None:
            return
        add(record.observed)
        records.write(connection, repo.id, record)
        outbox.append(connection, Event(UPDATED, repo.id, None, {}))
