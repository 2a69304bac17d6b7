"""From a repo and what a caller asks of it to the worker that answers."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from msgspec import structs

from pioche.errors import InvalidInput, NotServed
from pioche.names import RepoType
from pioche.repos import listing, overviews
from pioche.repos.access import Repo
from pioche.repos.revisions import Revision
from pioche.serving import choice, needs
from pioche.serving.spec import Spec

_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """`size` of the files, in bytes; `repo` is its row."""

    spec: Spec
    repo: int
    size: int

    def at(self, deployment: int, replica: int) -> "Target":
        """The same, by a worker that a deployment has for itself."""
        return replace(self, spec=structs.replace(self.spec, place=f"{deployment}/{replica}"))

    def check_task(self, task: str) -> None:
        """Raises InvalidInput when this model cannot be asked for `task`."""
        can = choice.served(self.spec.task)
        if task not in can:
            raise InvalidInput("task", f"this model does {' and '.join(sorted(can))}, not {task}")


class Targets:
    """What was found is remembered: a commit never changes. Methods may be called from any thread."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._found: OrderedDict[tuple[int, str], Target] = OrderedDict()

    def known(self, repo: Repo, revision: Revision) -> Target | None:
        """At once, or not at all."""
        return self._found.get((repo.id, revision.commit))

    def find(self, repo: Repo, revision: Revision) -> Target:
        """Raises NotServed, which says what is missing, and NotOffered when this hub lacks the engine."""
        if repo.repo_id.type is not RepoType.MODEL:
            raise NotServed("Only models can be asked")
        task = overviews.read(repo).pipeline_tag
        entries = {entry.path: entry.size for entry in listing.everything(repo, revision).entries if entry.is_file}
        chosen = choice.choose(task, entries)
        needs.check(chosen.engine)
        spec = Spec(
            repo=str(repo.repo_id),
            commit=str(revision.commit),
            engine=chosen.engine,
            task=task or "",
            files=chosen.files,
            threads=self._threads,
        )
        target = Target(spec, repo.id, sum(entries[path] for path in chosen.files))
        self._found[repo.id, revision.commit] = target
        while len(self._found) > _KEPT:
            self._found.popitem(last=False)
        return target
