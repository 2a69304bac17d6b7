"""The mixed load: clients that commit, upload, push, and manage repos of their own, until they are told to stop.

What several clients do to one branch is judged afterwards, from the history (checker.py); what a client does to a repo
of its own is judged at once (owner.py).
"""

import hashlib
import random
import threading
from collections.abc import Callable
from pathlib import Path

from tests.hub import Account
from tests.torture.api import Api, Large, Lost, NotSent, Refused
from tests.torture.history import ACKNOWLEDGED, COLLECTION, REFUSED, UNKNOWN, History, Operation
from tests.torture.owner import ORG, Owner
from tests.torture.pushing import Clone
from tests.torture.victim import Victim

SHARED = (f"{ORG}/shared-1", f"{ORG}/shared-2")
"""Repos that all clients commit and push to."""


class Client:
    """One client, a thread: does something at random, again and again, until `stop`."""

    def __init__(
        self, number: int, victim: Victim, account: Account, history: History, seed: int, folder: Path
    ) -> None:
        self.number = number
        self.thread = threading.Thread(target=self._run, name=f"client-{number}", daemon=True)
        self.history = history
        self.chance = random.Random(f"{seed}-{number}")
        self.api = Api(victim, account, history)
        self.owner = Owner(number, self.api, history, self.chance)
        self.failure: BaseException | None = None
        self._victim = victim
        self._folder = folder
        self._stopping = threading.Event()
        self._clones: dict[str, Clone] = {}

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        deeds: list[tuple[int, Callable[[], None]]] = [
            (6, self.commit),
            (6, self.commit_with_parent),
            (4, self.commit_large),
            (3, self.push_own_branch),
            (2, self.push_main),
            (6, self.owner.act),
            (2, self.race),
            (3, self.read_back),
        ]
        weights = [weight for weight, _ in deeds]
        try:
            while not self._stopping.is_set():
                (deed,) = self.chance.choices([deed for _, deed in deeds], weights)
                deed()
        except Exception as error:  # noqa: BLE001 - shown at the end of the run
            self.failure = error
        finally:
            self.api.close()

    # --- shared branches -----------------------------------------------------------------------------------------------

    def commit(self) -> None:
        """C2: without a parent; the hub finds the place."""
        repo = self.chance.choice(SHARED)
        operation = self.history.begin("commit", self.number, repo=repo, branch="main")
        self._attempt(operation, parent=None, files=self._small(operation))

    def commit_with_parent(self) -> None:
        """C1, A2: onto the head that the client saw. Without an answer it tries the same again."""
        repo = self.chance.choice(SHARED)
        try:
            parent = self.api.refs(repo)["refs/heads/main"]
        except Lost:
            return
        operation = self.history.begin("commit with parent", self.number, repo=repo, branch="main", parent=parent)
        files = self._small(operation)
        for _ in range(5):
            if self._attempt(operation, parent=parent, files=files) != UNKNOWN:
                return

    def commit_large(self) -> None:
        """A1, A4: a large file by one of the three ways, then a commit that names it."""
        repo = self.chance.choice(SHARED)
        way = self.chance.choice(("LFS", "LFS in parts", "Xet"))
        size = self.chance.randrange(1_100_000, 1_300_000) if way == "LFS in parts" else self.chance.randrange(150_000)
        data = self.chance.randbytes(size)
        send = self.api.upload_xet if way == "Xet" else self.api.upload_lfs
        large = self._persist(f"upload by {way}", repo, lambda: send(repo, data))
        if large is not None:
            operation = self.history.begin("commit of a large file", self.number, repo=repo, branch="main")
            self._attempt(operation, parent=None, files={f"large/{operation.label}.bin": large})

    def _persist(self, kind: str, repo: str, upload: Callable[[], Large]) -> Large | None:
        """Uploads are repeated until they succeed: whatever a crash left behind, that has to work."""
        operation = self.history.begin(kind, self.number, repo=repo)
        for _ in range(8):
            try:
                large = upload()
            except Lost:
                continue
            except Refused as refusal:
                if _is_collected(refusal) and self._met_collection(operation):
                    continue  # collected without grace before it was verified or named: the client begins again
                self.history.violation(f"{operation.label}: repeating an upload was refused: {refusal}")
                break
            self.history.end(operation, ACKNOWLEDGED, sha256=large.sha256, size=large.size)
            return large
        self.history.end(operation, UNKNOWN)
        return None

    def _met_collection(self, operation: Operation) -> bool:
        """One was at work at some time since the operation began; what ran before it excuses nothing."""
        return any(one.end is None or one.end >= operation.start for one in self.history.of(COLLECTION))

    def _small(self, operation: Operation) -> dict[str, bytes | Large]:
        """One file, or now and then many."""
        count = 50 if self.chance.random() < 0.1 else 1
        extra = {f"many/{operation.label}/{number}.txt": b"%d" % number for number in range(count - 1)}
        return {f"small/{operation.label}.txt": operation.label.encode(), **extra}

    def _attempt(self, operation: Operation, *, parent: str | None, files: dict[str, bytes | Large]) -> str:
        repo, facts = operation.facts["repo"], {"files": _described(files)}
        try:
            answer = self.api.commit(repo, operation.label, files, parent=parent)
        except Refused as refusal:
            # A first attempt whose answer was lost may be what the branch has moved by.
            lost_before = operation.facts.get("lost", False)
            result = UNKNOWN if lost_before else REFUSED
            self.history.end(operation, result, status=refusal.status, **facts)
            return REFUSED
        except Lost as loss:
            lost = operation.facts.get("lost", False) or not isinstance(loss, NotSent)
            self.history.end(operation, UNKNOWN, lost=lost, **facts)
            return UNKNOWN
        self.history.end(operation, ACKNOWLEDGED, oid=answer["commitOid"], **facts)
        return ACKNOWLEDGED

    # --- git -----------------------------------------------------------------------------------------------------------

    def push_own_branch(self) -> None:
        """C3: many clients push to branches of one repo."""
        self._push(SHARED[0], f"git-{self.number}")

    def push_main(self) -> None:
        """C4: against the commits of the others; the hub refuses what is not a fast-forward."""
        self._push(self.chance.choice(SHARED), "main")

    def _push(self, repo: str, branch: str) -> None:
        clone = self._clones.get(repo)
        if clone is None:
            clone = self._clones[repo] = Clone(self._victim, self.api.account, repo, self._folder)
        operation = self.history.begin("push", self.number, repo=repo, branch=branch)
        path = f"pushed/{operation.label}.txt"
        result, facts = clone.push(branch, operation.label, {path: operation.label.encode()})
        self.history.end(operation, result, files={path: operation.label}, **facts)

    # --- others --------------------------------------------------------------------------------------------------------

    def race(self) -> None:
        """C11: all want the same names; each is given once."""
        name = f"{ORG}/race-{self.chance.randrange(40)}"
        operation = self.history.begin("race for a name", self.number, name=name)
        try:
            self.api.create_repo(name)
        except Refused as refusal:
            if refusal.status != 409:
                self.history.violation(f"{operation.label}: {refusal}")
            self.history.end(operation, REFUSED)
        except Lost:
            self.history.end(operation, UNKNOWN)
        else:
            self.history.end(operation, ACKNOWLEDGED)

    def read_back(self) -> None:
        """Something that was acknowledged before is there now, byte by byte."""
        committed = [o for o in self.history.of("commit", "commit of a large file") if o.result == ACKNOWLEDGED]
        if not committed:
            return
        past = self.chance.choice(committed)
        path, known = next(iter(past.facts["files"].items()))
        operation = self.history.begin("read", self.number)
        try:
            found = self.api.download(past.facts["repo"], path)
        except Lost:
            self.history.end(operation, UNKNOWN)
            return
        except Refused as refusal:
            self.history.violation(f"{past.label} was acknowledged; {path} is gone: {refusal}")
            return
        if not same(found, known):
            self.history.violation(f"{past.label} was acknowledged; {path} has other bytes now")
        self.history.end(operation, ACKNOWLEDGED)


def same(found: bytes, known: str | list[object]) -> bool:
    """`known` is the text of a small file, or the sha256 and size of a large one (`_described`)."""
    if isinstance(known, str):
        return found == known.encode()
    return [hashlib.sha256(found).hexdigest(), len(found)] == known


def _described(files: dict[str, bytes | Large]) -> dict[str, object]:
    """Files as the history keeps them: a text, or the sha256 and size of a large file."""
    return {
        path: [content.sha256, content.size] if isinstance(content, Large) else content.decode()
        for path, content in files.items()
    }


def _is_collected(refusal: Refused) -> bool:
    """How the hub says that what an upload sent before is gone."""
    return refusal.status == 404 or any(words in str(refusal) for words in ("upload it first", "deleted meanwhile"))
