"""From a repo and what a caller asks of it to the worker that answers."""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, replace

from msgspec import structs

from pioche.errors import InvalidInput, NotServed
from pioche.names import Oid, RepoType
from pioche.repos import listing, overviews
from pioche.repos.access import Repo
from pioche.repos.revisions import Revision
from pioche.serving import choice, consent, needs
from pioche.serving.spec import EngineName, Spec

_KEPT = 1000
_FILES_MAX = 5000
_NO_TASK = "custom"


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
        is_handler = self.spec.engine is EngineName.HANDLER  # it takes and gives what it likes: no other API fits
        can = frozenset((self.spec.task,)) if is_handler else choice.served(self.spec.task)
        if task not in can:
            raise InvalidInput("task", f"this model does {' and '.join(sorted(can))}, not {task}")


class Targets:
    """What was found is remembered: a commit never changes. Methods may be called from any thread."""

    def __init__(self, threads: int, *, runs_code: bool = False) -> None:
        """`runs_code`: the operator offers it (the setting inference_code)."""
        self._threads = threads
        self._runs_code = runs_code
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
        chosen, is_lasting = self._choose(repo, revision, task, entries)
        needs.check(chosen.engine)
        if chosen.whole and len(entries) > _FILES_MAX:
            raise NotServed(f"A model that is given all of its files may have {_FILES_MAX} of them")
        spec = Spec(
            repo=str(repo.repo_id),
            commit=str(revision.commit),
            engine=chosen.engine,
            task=task or _NO_TASK,
            files=chosen.files,
            code=chosen.code,
            whole=chosen.whole,
            threads=self._threads,
        )
        target = Target(spec, repo.id, sum(entries[path] for path in (entries if chosen.whole else chosen.files)))
        if not is_lasting:
            return target
        self._found[repo.id, revision.commit] = target
        while len(self._found) > _KEPT:
            self._found.popitem(last=False)
        return target

    def refused(self, repo: Repo, spec: Spec) -> str:
        """Why the code that this worker runs may run no more; empty while it may."""
        return consent.refusal(repo, Oid(spec.commit), is_offered=self._runs_code) if spec.code else ""

    def _choose(
        self, repo: Repo, revision: Revision, task: str | None, paths: Collection[str]
    ) -> tuple[choice.Choice, bool]:
        """And whether it stays so: what an owner allows today may be refused tomorrow. Raises NotServed."""
        code = choice.code_in(paths)
        refused = consent.refusal(repo, revision.commit, is_offered=self._runs_code) if code else ""
        try:
            chosen = choice.choose(task, paths, code=bool(code) and not refused)
        except NotServed as error:
            if refused:
                raise NotServed(f"{error.message}. Its {code} is not used: {refused}") from None
            raise
        return on_this_machine(task, chosen), not (code and self._runs_code)


def on_this_machine(task: str | None, chosen: choice.Choice) -> choice.Choice:
    """Where there is a graphics processor and vLLM, that writes what torch would."""
    is_writer = task == "text-generation" and chosen.engine is EngineName.TRANSFORMERS
    return replace(chosen, engine=EngineName.VLLM) if is_writer and not chosen.code and needs.has_vllm() else chosen
