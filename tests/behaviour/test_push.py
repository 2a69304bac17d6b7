"""Pushes over both databases, below any protocol: bytes in, refs moved, a report out."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pioche.accounts.callers import Caller
from pioche.app import build_hub
from pioche.config import Config
from pioche.git import wire
from pioche.git.objects import (
    MODE_FILE,
    NewObject,
    Signature,
    TreeEntry,
    build_commit,
    build_tag,
    build_tree,
    object_id,
)
from pioche.git.packs import write_pack
from pioche.git.receive import Body
from pioche.http import threads
from pioche.http.hub import Hub
from pioche.names import DEFAULT_REF, NULL_OID, Oid, RepoType
from pioche.repos import push, refs
from pioche.repos.access import Repo
from pioche.repos.catalog import NewRepo

WHO = Signature("Ada", "ada@example.org", 1_700_000_000)
LIMITS = push.Limits(file_bytes=1000, pack_bytes=2**20)


@pytest.fixture
def hub(config: Config) -> Iterator[Hub]:
    made = build_hub(config)
    yield made
    made.database.close()


@pytest.fixture
def ada(hub: Hub) -> Caller:
    account = hub.directory.create_user("ada", fullname="Ada", email="ada@example.org")
    return Caller(account.id, "ada", may_write=True, is_admin=False)


@pytest.fixture
def repo(hub: Hub, ada: Caller) -> Repo:
    return hub.catalog.create(ada, NewRepo(type=RepoType.MODEL, namespace="", name="model", private=False))


class Client:
    """Builds commits and pushes them."""

    def __init__(self, repo: Repo, caller: Caller, folder: Path) -> None:
        self.repo, self.caller, self.folder = repo, caller, folder

    def commit(self, name: str, data: bytes, *parents: Oid) -> tuple[Oid, list[NewObject]]:
        tree = build_tree([TreeEntry(MODE_FILE, name, object_id("blob", data))])
        made = build_commit(object_id("tree", tree), parents, WHO, WHO, "A commit")
        return object_id("commit", made), [("blob", data), ("tree", tree), ("commit", made)]

    def push(self, moves: list[tuple[str, Oid, Oid]], objects: list[NewObject], *capabilities: str) -> dict[str, str]:
        """What the report says of each ref, and of `unpack`."""
        commands = wire.Commands(
            tuple(wire.Command(*move) for move in moves), frozenset(("report-status", *capabilities))
        )
        pack = b""
        if objects:
            pack = (self.folder / f"pack-{write_pack(self.folder, objects)}.pack").read_bytes()
        wanted = push.Push(self.repo, self.caller, commands, LIMITS)
        report = asyncio.run(push.receive(wanted, Body(_once(pack), 2**20), threads.run))
        lines = [line.decode().strip() for line in wire.packets(report) if isinstance(line, bytes)]
        return {"unpack": lines[0].removeprefix("unpack "), **dict(_verdict(line) for line in lines[1:])}

    def refs(self) -> dict[str, Oid]:
        return {ref.name: ref.target for ref in refs.all_refs(self.repo)}


def _verdict(line: str) -> tuple[str, str]:
    """`ok ref` or `ng ref reason`."""
    verdict, ref, *reason = line.split(" ", 2)
    return ref, "".join(reason) or verdict


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.fixture
def client(repo: Repo, ada: Caller, tmp_path: Path) -> Client:
    folder = tmp_path / "packs"
    folder.mkdir()
    return Client(repo, ada, folder)


def _tip(client: Client) -> Oid:
    return client.refs()[DEFAULT_REF]


def test_a_push_moves_the_ref_and_makes_the_objects_readable(client: Client) -> None:
    first = _tip(client)
    tip, objects = client.commit("a.txt", b"a", first)
    assert client.push([(DEFAULT_REF, first, tip)], objects)["unpack"] == "ok"
    assert _tip(client) == tip
    assert client.repo.objects.count(tip) == 2


def test_a_ref_that_moved_meanwhile_is_refused_alone(client: Client) -> None:
    first = _tip(client)
    tip, objects = client.commit("a.txt", b"a", first)
    client.push([(DEFAULT_REF, first, tip)], objects)
    late, others = client.commit("b.txt", b"b", first)
    said = client.push([(DEFAULT_REF, first, late), ("refs/heads/b", NULL_OID, late)], others)
    assert said[DEFAULT_REF].startswith("failed to update ref")
    assert client.refs() == {DEFAULT_REF: tip, "refs/heads/b": late}


@pytest.mark.parametrize("capability", ["atomic", ""])
def test_a3_a_push_that_is_sent_again_succeeds_again(client: Client, capability: str) -> None:
    """libcurl does so by itself when a connection breaks before the answer: git must not hear of a refusal."""
    first = _tip(client)
    tip, objects = client.commit("a.txt", b"a", first)
    moves = [(DEFAULT_REF, first, tip), ("refs/heads/b", NULL_OID, tip)]
    for _ in range(2):
        assert client.push(moves, objects, capability) == {
            "unpack": "ok",
            DEFAULT_REF: "ok",
            "refs/heads/b": "ok",
        }
    assert client.refs() == {DEFAULT_REF: tip, "refs/heads/b": tip}


def test_an_atomic_push_moves_all_or_nothing(client: Client) -> None:
    first = _tip(client)
    tip, objects = client.commit("a.txt", b"a", first)
    client.push([(DEFAULT_REF, first, tip)], objects)
    late, others = client.commit("b.txt", b"b", first)
    client.push([(DEFAULT_REF, first, late), ("refs/heads/b", NULL_OID, late)], others, "atomic")
    assert client.refs() == {DEFAULT_REF: tip}


def test_names_below_one_another_and_making_room(client: Client) -> None:
    first = _tip(client)
    tip, objects = client.commit("a.txt", b"a", first)
    assert client.push([("refs/heads/x", NULL_OID, tip)], objects)["unpack"] == "ok"
    assert "Reference already exists" in client.push([("refs/heads/x/y", NULL_OID, tip)], objects)["refs/heads/x/y"]
    client.push([("refs/heads/x/y", NULL_OID, tip), ("refs/heads/x", tip, NULL_OID)], objects)
    assert client.refs() == {DEFAULT_REF: first, "refs/heads/x/y": tip}


def test_an_annotated_tag_keeps_its_object_and_leads_to_its_commit(client: Client) -> None:
    first = _tip(client)
    tip, objects = client.commit("a.txt", b"a", first)
    tag = build_tag(tip, "commit", "v1", WHO, "First")
    oid = object_id("tag", tag)
    client.push([("refs/tags/v1", NULL_OID, oid)], [*objects, ("tag", tag)])
    (row,) = [ref for ref in refs.all_refs(client.repo) if ref.name == "refs/tags/v1"]
    assert (row.target, row.commit) == (oid, tip)
    assert push.advertised(client.repo)[-1].peeled == tip


def test_what_is_refused_leaves_nothing(client: Client, config: Config) -> None:
    first = _tip(client)
    for name, data in (("large.txt", b"x" * 1001), ("binary", b"\0"), ("README.md", b"---\na: [\n---\n")):
        tip, objects = client.commit(name, data, first)
        assert client.push([(DEFAULT_REF, first, tip)], objects)[DEFAULT_REF] == "pre-receive hook declined"
        assert tip not in client.repo.objects
    assert client.refs() == {DEFAULT_REF: first}
    assert not list((config.data_dir / "incoming").iterdir())
    assert not list((config.data_dir / "git").iterdir())


def test_a_push_that_only_deletes_has_no_pack(client: Client) -> None:
    first = _tip(client)
    tip, objects = client.commit("a.txt", b"a", first)
    client.push([("refs/heads/x", NULL_OID, tip)], objects)
    assert client.push([("refs/heads/x", tip, NULL_OID)], []) == {"unpack": "ok", "refs/heads/x": "ok"}
    assert client.refs() == {DEFAULT_REF: first}
