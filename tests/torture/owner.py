"""A repo of one client, in whose life nobody else takes part: created, changed, moved, deleted.

So it is known at every moment what it should be. After an operation whose answer was lost it must be as it was before or
as it is after, never half; and what was answered must be what one sees.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.torture.api import Api, Large, Lost, Refused
from tests.torture.history import ACKNOWLEDGED, UNKNOWN, History

ORG = "lab"
"""An organisation that all clients administer: repos are given to it and taken back."""

_LOOKS_MAX = 240
_LOOK_PAUSE_S = 0.25
"""A busy machine takes many seconds to bring both web processes back."""


@dataclass
class Own:
    """A repo of one client as it should be. `refs` are the tags and branches that the client made, beside main."""

    name: str
    private: bool = False
    refs: dict[str, str] = field(default_factory=dict)
    main: str = ""
    pulls: int = 0
    merged: set[int] = field(default_factory=set)


class Owner:
    """What one client does to its repo, `own`."""

    def __init__(self, number: int, api: Api, history: History, chance: random.Random) -> None:
        self.own: Own | None = None
        self._number = number
        self._api = api
        self._history = history
        self._chance = chance

    def act(self) -> None:
        """A6, A7: the life of one repo, in which nobody else takes part."""
        if self.own is None:
            self._create()
            return
        deed = self._chance.choice(
            (
                self._commit_own,
                self._tag,
                self._branch,
                self._unref,
                self._flip,
                self._move,
                self._propose,
                self._merge,
                self._squash,
            )
            + ((self._delete,) if self._chance.random() < 0.5 else ())
        )
        deed(self.own)

    def _change(self, kind: str, act: Callable[[], object], happened: Callable[[], bool | None]) -> bool:
        """Does something to the client's own repo. Answers whether it happened, if need be by looking; `happened` says
        None for a state that is neither the old nor the new one."""
        operation = self._history.begin(kind, self._number)
        answered = None
        try:
            act()
            answered = True
        except Refused as refusal:
            self._history.violation(f"{operation.label}: {kind} was refused: {refusal}")
            answered = False
        except Lost:
            pass
        found = self._look(happened)
        if found is None:
            self._history.violation(f"{operation.label}: after {kind} the state is neither old nor new")
        elif answered is not None and found != answered:
            self._history.violation(f"{operation.label}: {kind} was answered {answered}, and is {found}")
        self._history.end(operation, ACKNOWLEDGED if answered else UNKNOWN, happened=found)
        return bool(found)

    def _look(self, happened: Callable[[], bool | None]) -> bool | None:
        for _ in range(_LOOKS_MAX):
            try:
                return happened()
            except Lost:
                time.sleep(_LOOK_PAUSE_S)
            except Refused as refusal:
                self._history.violation(f"looking was refused: {refusal}")
                return None
        return None

    def _status(self, name: str) -> int:
        return self._api.ask("GET", f"/api/models/{name}").status_code

    def _create(self) -> None:
        own = Own(f"{self._api.account.name}/own-{self._number}-{self._chance.randrange(10**9)}")
        known = {200: True, 404: False}
        if self._change(
            "create repo", lambda: self._api.create_repo(own.name), lambda: known.get(self._status(own.name))
        ):
            own.main = self._look_at_refs(own).get("refs/heads/main", "")
            self.own = own

    def _delete(self, own: Own) -> None:
        known = {404: True, 200: False}
        if self._change(
            "delete repo", lambda: self._api.delete_repo(own.name), lambda: known.get(self._status(own.name))
        ):
            self.own = None

    def _move(self, own: Own) -> None:
        """Renamed, or given to the organisation and back; the old name leads to the new one."""
        namespace = self._chance.choice((self._api.account.name, ORG))
        target = f"{namespace}/own-{self._number}-{self._chance.randrange(10**9)}"
        known = {(200, 404): False, (307, 200): True}
        if self._change(
            "move repo",
            lambda: self._api.move_repo(own.name, target),
            lambda: known.get((self._status(own.name), self._status(target))),
        ):
            own.name = target

    def _flip(self, own: Own) -> None:
        wanted = not own.private

        def happened() -> bool:
            found: bool = self._api.must("GET", f"/api/models/{own.name}").json()["private"]
            return found == wanted

        url = f"/api/models/{own.name}/settings"
        if self._change("visibility", lambda: self._api.must("PUT", url, json={"private": wanted}), happened):
            own.private = wanted

    def _tag(self, own: Own) -> None:
        name, message = f"v{self._chance.randrange(10**9)}", self._chance.choice((None, "words"))
        url = f"/api/models/{own.name}/tag/main"
        self._add_ref(own, "tag", f"refs/tags/{name}", lambda: self._api.must("POST", url, json=_tag(name, message)))

    def _branch(self, own: Own) -> None:
        name = f"b{self._chance.randrange(10**9)}"
        url = f"/api/models/{own.name}/branch/{name}"
        self._add_ref(own, "branch", f"refs/heads/{name}", lambda: self._api.must("POST", url))

    def _add_ref(self, own: Own, kind: str, ref: str, act: Callable[[], object]) -> None:
        known = {None: False, own.main: True}
        if self._change(f"create {kind}", act, lambda: known.get(self._api.refs(own.name).get(ref))):
            own.refs[ref] = own.main

    def _unref(self, own: Own) -> None:
        if not own.refs:
            return
        ref = self._chance.choice(sorted(own.refs))
        kind, _, name = ref.removeprefix("refs/").partition("/")
        url = f"/api/models/{own.name}/{'tag' if kind == 'tags' else 'branch'}/{name}"
        known = {None: True, own.refs[ref]: False}
        if self._change(
            "delete tag or branch",
            lambda: self._api.must("DELETE", url),
            lambda: known.get(self._api.refs(own.name).get(ref)),
        ):
            del own.refs[ref]

    def _commit_own(self, own: Own) -> None:
        path = f"{self._chance.randrange(10**9)}.txt"
        self._move_main(own, "commit to own repo", lambda: self._api.commit(own.name, "own", {path: b"1"}))

    def _squash(self, own: Own) -> None:
        url = f"/api/models/{own.name}/super-squash/main"
        # Its own words: the same tree, message and second would make the very commit that is there.
        body = {"message": f"squashed {self._chance.randrange(10**9)}"}
        self._move_main(own, "squash", lambda: self._api.must("POST", url, json=body))

    def _move_main(self, own: Own, kind: str, act: Callable[[], object]) -> None:
        before = own.main
        self._change(kind, act, lambda: self._api.refs(own.name)["refs/heads/main"] != before)
        own.main = self._look_at_refs(own).get("refs/heads/main", "")

    def _propose(self, own: Own) -> None:
        """A pull request is a row and a ref: both or neither."""
        before = own.pulls

        def happened() -> bool | None:
            rows = self._api.must("GET", f"/api/models/{own.name}/discussions").json()["count"]
            refs = sum(ref.startswith("refs/pr/") for ref in self._api.refs(own.name))
            return {(before, before): False, (before + 1, before + 1): True}.get((rows, refs))

        files: dict[str, bytes | Large] = {f"proposed-{before}.txt": b"1"}
        if self._change("pull request", lambda: self._api.commit(own.name, "p", files, proposes=True), happened):
            own.pulls += 1

    def _merge(self, own: Own) -> None:
        """The status of a pull request agrees with its base (A7)."""
        before, waiting = own.main, sorted(set(range(1, own.pulls + 1)) - own.merged)
        if not waiting:
            return
        number = self._chance.choice(waiting)
        url = f"/api/models/{own.name}/discussions/{number}"

        def happened() -> bool | None:
            found = self._api.must("GET", url).json()
            main = self._api.refs(own.name)["refs/heads/main"]
            now = found["status"], found["changes"].get("mergeCommitId", before) == main, main != before
            return {("open", True, False): False, ("merged", True, True): True}.get(now)

        if self._change("merge", lambda: self._api.must("POST", f"{url}/merge"), happened):
            own.merged.add(number)
        own.main = self._look_at_refs(own).get("refs/heads/main", "")

    def _look_at_refs(self, own: Own) -> dict[str, str]:
        for _ in range(_LOOKS_MAX):
            try:
                return self._api.refs(own.name)
            except Lost:
                time.sleep(_LOOK_PAUSE_S)
            except Refused as refusal:
                self._history.violation(f"the refs of {own.name} were refused: {refusal}")
                break
        return {}


def _tag(name: str, message: str | None) -> dict[str, str]:
    return {"tag": name, **({"message": message} if message else {})}
