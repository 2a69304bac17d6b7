"""What a worker is started from: its repo as it is now, and the files that it gets to see, if it may run at all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pioche.accounts.callers import Caller
from pioche.errors import NotServed, RepoNotFound, RevisionNotFound
from pioche.repos import listing, revisions
from pioche.repos.access import Access, Action, Repo
from pioche.repos.revisions import Revision
from pioche.repos.snapshots import Snapshots
from pioche.serving import consent
from pioche.serving.messages import Wanted
from pioche.serving.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Leases:
    """`runs_code` as of `Targets`. Methods may be called from any thread."""

    access: Access
    snapshots: Snapshots
    runs_code: bool = False

    def opened(self, wanted: Wanted) -> tuple[Repo, Revision]:
        """Whoever asked for it was allowed to. Raises RepoNotFound when the repo was deleted since, NotServed where its code may
        not run any more."""
        for repo in self.access.open_all_sync(Caller.operator(), [wanted.repo], Action.CONTENT):
            revision = revisions.resolve_sync(repo, wanted.spec.commit)
            if wanted.spec.code:
                consent.check(repo, revision.commit, is_offered=self.runs_code)
            return repo, revision
        raise RepoNotFound

    def refused(self, wanted: Wanted) -> str:
        """Why a worker that was started may run no more; empty while it may."""
        try:
            self.opened(wanted)
        except (RepoNotFound, RevisionNotFound, NotServed) as error:
            return error.message
        return ""

    @contextmanager
    def files(self, repo: Repo, revision: Revision, spec: Spec) -> Iterator[Path]:
        """The folder that the worker gets to see. Raises as `Snapshots.lease`."""
        with self.snapshots.lease(repo, revision, _paths(spec, repo, revision)) as place:
            yield place


def _paths(spec: Spec, repo: Repo, revision: Revision) -> Sequence[str]:
    if not spec.whole:
        return spec.files
    return sorted(entry.path for entry in listing.everything(repo, revision).entries if entry.is_file)
