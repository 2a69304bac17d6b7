"""What came becomes the repo: the pack goes through a push's quarantine and a push's rules, then one transaction moves all.

Not asked of a history that was made elsewhere is what only keeps people from mistakes: binary files outside of LFS (the
public Hub took them for years) and a card that cannot be read. What is unsafe, too large or not whole is refused as of a push.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.errors import InvalidReference, StaleParent
from pioche.git import pointers as pointer_format
from pioche.git.objects import ObjectMissing
from pioche.git.pointers import POINTER_BYTES_MAX
from pioche.git.receive import Body, Disconnected, PackRefused, Quarantine
from pioche.git.wire import Command
from pioche.imports.large import Wanted
from pioche.imports.remote import Advertised, SourceRefused
from pioche.names import DEFAULT_REF, HEX40, NULL_OID, Oid, parse_ref_part
from pioche.repos import push, refs
from pioche.repos.access import Repo
from pioche.repos.incoming import Incoming, examine
from pioche.repos.refs import RefChange, Update
from pioche.storage import quotas
from pioche.storage.disk import translated
from pioche.storage.quotas import Growth

_PIECE = 2**20
_NOTES_MAX = 50
_RULED = re.compile(r"-{20,}\Z")


@dataclass(frozen=True, slots=True)
class Plan:
    """`wants` are the objects to fetch, by the full names that the refs have here; `notes` say what is left out, and why."""

    wants: Mapping[str, Oid]
    notes: tuple[str, ...] = ()


def plan(advertised: Advertised, revision: str) -> Plan:
    """Which refs are taken, and what they are called here. The other side's default branch is `main` here.

    Raises SourceRefused when there is nothing, or no such revision.
    """
    there = {ref.name: ref.target for ref in advertised.refs}
    if revision:
        return Plan({DEFAULT_REF: _named(there, revision)})
    default = DEFAULT_REF if DEFAULT_REF in there else _default(there, advertised.head)
    wants, notes = {DEFAULT_REF: there.pop(default)}, list[str]()
    if default != DEFAULT_REF:
        notes.append(f"{default.removeprefix('refs/heads/')} → main")
    for name, target in sorted(there.items()):
        kind = "branch" if name.startswith("refs/heads/") else "tag"
        try:
            parse_ref_part(name.split("/", 2)[2], what=kind)
        except InvalidReference as error:
            notes.append(f"{name[:100]}: {error.message}"[:300])
        else:
            wants[name] = target
    return Plan(wants, tuple(notes[:_NOTES_MAX]))


def _named(there: Mapping[str, Oid], revision: str) -> Oid:
    for name in (f"refs/heads/{revision}", f"refs/tags/{revision}"):
        if name in there:
            return there[name]
    if HEX40.match(revision):
        return Oid(revision)
    raise SourceRefused(f"The other side has no branch and no tag {revision!r}")


def _default(there: Mapping[str, Oid], head: str) -> str:
    branches = [name for name in there if name.startswith("refs/heads/")]
    if not branches:
        raise SourceRefused("The other side's repo is empty: there is no branch to import")
    for name in (head, "refs/heads/master"):
        if name in branches:
            return name
    return min(branches)


class Taking:
    """One pack on its way in; `close` at the end. `file_bytes_max` of a file kept in git itself."""

    def __init__(self, repo: Repo, plan: Plan, *, file_bytes_max: int) -> None:
        self._repo = repo
        self._plan = plan
        self._file_bytes_max = file_bytes_max
        self._snapshot = push.snapshot(repo, is_for_reading=False)
        self._snapshot.open()
        self.pack = self._snapshot.path / "fetched"
        """Where the pack is to be put."""
        self._quarantine = Quarantine(self._snapshot)
        self._incoming = Incoming()

    def close(self) -> None:
        self._snapshot.close()

    def touch(self) -> None:
        """It is in use: what lies in `incoming` for long is swept."""
        with translated():
            os.utime(self._snapshot.path)

    def index(self, bytes_max: int) -> None:
        """Has git check the pack. Raises SourceRefused for one that is broken, unsafe or lacks objects."""
        try:
            asyncio.run(self._quarantine.take(Body(_pieces(self.pack), bytes_max), bytes_max))
        except PackRefused as refusal:
            raise SourceRefused(f"What the other side sent cannot be taken: {refusal.message}") from None
        finally:
            self.pack.unlink(missing_ok=True)
        self._drop_tags_of_others()

    def _drop_tags_of_others(self) -> None:
        """Tags may lead to a tree or a file: there is no revision in them."""
        objects, wants, notes = self._quarantine.objects, dict(self._plan.wants), list(self._plan.notes)
        for name, target in self._plan.wants.items():
            try:
                kind = objects.peel(target)[0]
            except ObjectMissing:
                raise SourceRefused("The other side did not send everything that its refs need") from None
            if kind != "commit" and name != DEFAULT_REF:
                del wants[name]
                notes.append(f"{name[:100]}: it leads to a {kind}")
        self._plan = Plan(wants, tuple(notes[:_NOTES_MAX]))

    def large_files(self) -> Iterator[Wanted]:
        """Of all history. Raises SourceRefused when the other side left objects out."""
        paths = dict[Oid, str]()
        try:
            for item in self._quarantine.new_objects(list(self._plan.wants.values())):
                if item.kind == "blob" and item.size < POINTER_BYTES_MAX:
                    paths[item.oid] = item.path
        except Disconnected:
            raise SourceRefused("The other side did not send everything that its commits need") from None
        for oid, data in self._quarantine.contents(paths, POINTER_BYTES_MAX):
            pointer = pointer_format.parse(data)
            if pointer is not None:
                yield Wanted(pointer, paths[oid])

    def examine(self) -> None:
        """A push's rules. Raises SourceRefused with the files that are in the way."""
        commands = [Command(name, NULL_OID, self._target(name)) for name in self._plan.wants]
        found = examine(
            self._repo, self._quarantine, commands, file_bytes_max=self._file_bytes_max, made_elsewhere=True
        )
        if found.messages:
            raise SourceRefused(_reworded(found.messages))
        self._incoming = found

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out, and why."""
        return self._plan.notes

    def finish(self, caller: Caller, also: Callable[[sa.Connection], Sequence[RefChange]]) -> None:
        """Moves the pack in and the refs; `also` runs in the same transaction.

        Raises QuotaExceeded, SourceRefused when somebody wrote to the repo meanwhile.
        """
        repo, incoming = self._repo, self._incoming
        wanted = {quotas.git_key(): incoming.file_bytes} if incoming.file_bytes else {}
        with repo.stores.quotas.reserve(repo.id, caller.user_id, wanted) as reserved:
            if self._quarantine.packs:
                repo.stores.git.adopt(repo.uid, self._quarantine.packs, repo.genesis.objects())
            changes = [self._change(name) for name in self._plan.wants]
            growth = Growth(incoming.file_bytes, reserved.keys)
            try:
                refs.update(repo, caller, Update(changes, incoming.pointers, also, growth))
            except StaleParent:
                raise SourceRefused("Somebody wrote to the repo while it was being imported") from None

    def _change(self, name: str) -> RefChange:
        old = self._repo.genesis.commit if name == DEFAULT_REF else None
        new = self._target(name)
        return RefChange(name, old, new, self._incoming.commits[new])

    def _target(self, name: str) -> Oid:
        """What the ref names here: a branch is a commit, also where a tag was asked for as the revision."""
        target = self._plan.wants[name]
        return self._quarantine.objects.peel(target)[1] if name == DEFAULT_REF else target


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _reworded(messages: Sequence[str]) -> str:
    lines = [line for line in messages if line and not _RULED.match(line) and "git-lfs.github.com" not in line]
    text = "\n".join(line for line in lines if not line.startswith("See also:"))
    text = text.replace("Your push was rejected because it", "The repo cannot be taken: it")
    return text.replace("Your push was rejected because", "The repo cannot be taken:")
