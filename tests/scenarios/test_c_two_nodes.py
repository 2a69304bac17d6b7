"""Group C on two servers that share a PostgreSQL database and a data folder: they behave as one (C10)."""

import hashlib
import itertools
import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from tests.databases import Postgres
from tests.hub import Account, Hub
from tests.sender import Sender, fsck, git

T = TypeVar("T")

_serial = itertools.count(1)


@dataclass(frozen=True)
class Nodes:
    """Two hubs, and one user of both."""

    hubs: tuple[Hub, Hub]
    ada: Account

    def repo(self, *, create: bool = True) -> str:
        name = f"ada/r{next(_serial)}"
        if create:
            with self.sender(name) as sender:
                sender.create().raise_for_status()
        return name

    def sender(self, repo: str, number: int = 0) -> Sender:
        """One client; every other one speaks to the second node."""
        return Sender(self.hubs[number % 2], self.ada, repo)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    folder = tmp_path_factory.mktemp("nodes")
    with ExitStack() as stack:
        server = Postgres()
        stack.callback(server.stop)
        config = stack.enter_context(server.config(folder / "data"))
        hubs = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            hub = Hub(folder / name, {"DATABASE_URL": config.database_url})
            hub.data_dir = config.data_dir
            hubs.append(stack.enter_context(hub))
        yield Nodes((hubs[0], hubs[1]), hubs[0].user("ada"))


def at_once(count: int, call: Callable[[int], T]) -> list[T]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def statuses(answers: Sequence[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


# --- who may share a folder -----------------------------------------------------------------------------------------


def test_b8_a_hub_of_another_database_is_refused(nodes: Nodes) -> None:
    other = Hub(nodes.hubs[0].data_dir.parent / "three")
    other.data_dir = nodes.hubs[0].data_dir
    (other.data_dir.parent / "three").mkdir()
    refused = other.command("serve", "--port", "0")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "in use by another Pioche" in refused.stderr


def test_c10_a_node_that_starts_again_leaves_what_the_other_receives(nodes: Nodes) -> None:
    draft = nodes.hubs[0].data_dir / "incoming" / "draft-of-the-first"
    draft.write_bytes(b"half")
    nodes.hubs[1].restart()
    assert draft.exists()
    draft.unlink()


# --- commits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clients", [8, pytest.param(100, marks=pytest.mark.long)])
def test_c1_commits_with_a_parent_form_one_chain(nodes: Nodes, clients: int) -> None:
    repo = nodes.repo()

    def client(number: int) -> list[tuple[str, str]]:
        done = []
        with nodes.sender(repo, number) as sender:
            for count in range(4):
                parent = sender.tip()
                answer = sender.commit({f"{number}-{count}.txt": b"x"}, parent=parent)
                assert answer.status_code in (200, 412), answer.text
                if answer.status_code == 200:
                    done.append((parent, answer.json()["commitOid"]))
        return done

    acknowledged = [pair for pairs in at_once(clients, client) for pair in pairs]
    assert acknowledged
    assert len({parent for parent, _ in acknowledged}) == len(acknowledged), "no parent was used twice"
    with nodes.sender(repo) as sender:
        found = sender.http.get(f"/api/models/{repo}/commits/main?limit=1000").json()
    chain = [commit["id"] for commit in reversed(found)]
    assert set(chain[1:]) == {oid for _, oid in acknowledged}
    assert {(old, new) for old, new in itertools.pairwise(chain)} == set(acknowledged)


@pytest.mark.parametrize("clients", [12, pytest.param(100, marks=pytest.mark.long)])
def test_c2_commits_without_a_parent_all_succeed(nodes: Nodes, clients: int) -> None:
    repo = nodes.repo()

    def client(number: int) -> int:
        with nodes.sender(repo, number) as sender:
            return sender.commit({f"{number}.txt": f"{number}".encode()}).status_code

    assert at_once(clients, client) == [200] * clients
    with nodes.sender(repo, 1) as sender:
        tree = sender.http.get(f"/api/models/{repo}/tree/main").json()
        assert {entry["path"] for entry in tree} >= {f"{number}.txt" for number in range(clients)}


def pushes(nodes: Nodes, folder: Path, repos: Sequence[str]) -> None:
    """One push to a branch of its own for each, all at once."""

    def client(number: int) -> subprocess.CompletedProcess[str]:
        with nodes.sender(repos[number], number) as sender:
            clone = sender.clone(folder / f"clone-{number}")
        (clone / f"{number}.txt").write_text(f"{number}\n")
        git(clone, "add", "-A", check=True)
        git(clone, "commit", "-qm", f"{number}", check=True)
        return git(clone, "push", "-q", "origin", f"HEAD:refs/heads/b{number}")

    for done in at_once(len(repos), client):
        assert done.returncode == 0, done.stderr
    for number, repo in enumerate(repos):
        with nodes.sender(repo, number + 1) as sender:
            assert sender.get(f"{number}.txt", revision=f"b{number}").text == f"{number}\n"
    for number, repo in enumerate(sorted(set(repos))):
        with nodes.sender(repo, number) as sender:
            fsck(sender, folder / f"mirror-{number}")


def test_c3_parallel_pushes_all_land(nodes: Nodes, tmp_path: Path) -> None:
    one = nodes.repo()
    pushes(nodes, tmp_path, [one] * 4 + [nodes.repo(), nodes.repo()])


@pytest.mark.long
def test_c3_a_hundred_parallel_pushes(nodes: Nodes, tmp_path: Path) -> None:
    one = nodes.repo()
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    pushes(nodes, tmp_path / "one", [one] * 100)
    pushes(nodes, tmp_path / "many", [nodes.repo() for _ in range(100)])


def test_c4_one_of_a_push_and_a_commit_wins(nodes: Nodes, tmp_path: Path) -> None:
    repo = nodes.repo()
    with nodes.sender(repo) as first, nodes.sender(repo, 1) as second:
        clone = first.clone(tmp_path / "clone")
        for number in range(3):
            git(clone, "pull", "-q", "--rebase", "origin", "main", check=True)
            (clone / f"pushed-{number}.txt").write_text("x")
            git(clone, "add", "-A", check=True)
            git(clone, "commit", "-qm", f"{number}", check=True)
            parent = second.tip()

            def act(which: int, number: int = number, parent: str = parent) -> bool:
                if which:
                    return git(clone, "push", "-q", "origin", "HEAD:main").returncode == 0
                answer = second.commit({f"sent-{number}.txt": b"x"}, parent=parent)
                assert answer.status_code in (200, 412), answer.text
                return answer.status_code == 200

            assert sorted(at_once(2, act)) == [False, True]
            git(clone, "reset", "-q", "--hard", "origin/main", check=True)


# --- what happens to a repo meanwhile -------------------------------------------------------------------------------


def test_c5_a_repo_is_deleted_during_downloads_and_uploads(nodes: Nodes) -> None:
    repo = nodes.repo()
    data = random.Random(5).randbytes(2_000_000)
    oid = hashlib.sha256(data).hexdigest()
    with nodes.sender(repo) as sender:
        assert sender.lfs(data).status_code == 200
        sender.commit(large={"x.bin": (oid, len(data))}).raise_for_status()

    def act(number: int) -> httpx.Response | None:
        with nodes.sender(repo, number) as sender:
            if number == 5:
                body = {"name": repo.partition("/")[2], "organization": "ada", "type": "model"}
                return sender.http.request("DELETE", "/api/repos/delete", json=body)
            if number % 3 == 0:
                return sender.lfs(random.Random(number).randbytes(500_000))
            try:
                answer = sender.get("x.bin")
            except httpx.RemoteProtocolError:
                return None  # cut: its length tells
            assert answer.status_code != 200 or answer.content == data, "a 200 is whole"
            return answer

    for answer in at_once(12, act):
        assert answer is None or answer.status_code in (200, 403, 404, 409), answer.text
    for number in range(2):
        with nodes.sender(repo, number) as sender:
            assert sender.get("x.bin").status_code == 404
    with nodes.sender(repo, 1) as sender:
        sender.create().raise_for_status()
        assert sender.get("x.bin").status_code == 404
        assert "actions" in sender.batch("upload", (oid, len(data))).json()["objects"][0], "it has to be sent again"
        assert sender.batch("download", (oid, len(data))).json()["objects"][0]["error"]["code"] == 404


def test_c6_a_repo_is_renamed_during_uploads(nodes: Nodes, tmp_path: Path) -> None:
    repo = nodes.repo()
    new = nodes.repo(create=False)
    with nodes.sender(repo) as sender:
        clone = sender.clone(tmp_path / "clone")
    (clone / "pushed.txt").write_text("x")
    git(clone, "add", "-A", check=True)
    git(clone, "commit", "-qm", "x", check=True)
    small = random.Random(6).randbytes(300_000)

    def act(number: int) -> int:
        with nodes.sender(repo, number) as sender:
            if number == 2:
                body = {"fromRepo": repo, "toRepo": new, "type": "model"}
                return sender.http.post("/api/repos/move", json=body).status_code
            if number == 3:
                return 200 if git(clone, "push", "-q", "origin", "HEAD:pushed").returncode == 0 else 409
            sender.http.follow_redirects = True
            send = (sender.lfs, sender.xet)[number % 2]
            return send(small + bytes([number])).status_code

    done = at_once(6, act)
    assert done[2] == 200
    assert all(status < 500 for status in done), done
    with nodes.sender(new, 1) as sender:
        assert sender.http.get(f"/api/models/{new}").status_code == 200
        moved = sender.http.get(f"/api/models/{repo}")
        assert moved.status_code == 307
        fsck(sender, tmp_path / "mirror")


def test_c9_a_pull_request_is_merged_once_or_closed(nodes: Nodes) -> None:
    repo = nodes.repo()
    with nodes.sender(repo) as sender:
        header, file = (
            '{"key":"header","value":{"summary":"new"}}',
            '{"key":"file","value":{"path":"new.txt","content":"x"}}',
        )
        ndjson = {"content-type": "application/x-ndjson"}
        url = f"/api/models/{repo}/commit/main?create_pr=1"
        sender.http.post(url, content=f"{header}\n{file}", headers=ndjson).raise_for_status()

    def act(number: int) -> int:
        with nodes.sender(repo, number) as sender:
            if number < 6:
                return sender.http.post(f"/api/models/{repo}/discussions/1/merge").status_code
            body = {"status": "closed"}
            return sender.http.post(f"/api/models/{repo}/discussions/1/status", json=body).status_code

    done = at_once(8, act)
    with nodes.sender(repo, 1) as sender:
        found = sender.http.get(f"/api/models/{repo}/discussions/1").json()
        titles = [row["title"] for row in sender.http.get(f"/api/models/{repo}/commits/main").json()]
        assert (found["status"], done[:6].count(200), titles.count("new (#1)")) in (("merged", 1, 1), ("closed", 0, 0))
        assert set(done) <= {200, 409}
        assert (found["status"] == "merged") == (sender.get("new.txt").status_code == 200)


def test_c7_a_lost_right_counts_for_the_next_range(nodes: Nodes) -> None:
    repo = nodes.repo()
    data = random.Random(7).randbytes(500_000)
    eve = nodes.hubs[0].user("eve")
    with nodes.sender(repo) as owner, Sender(nodes.hubs[1], eve, repo) as reader:
        assert owner.lfs(data).status_code == 200
        owner.commit(large={"x.bin": (hashlib.sha256(data).hexdigest(), len(data))}).raise_for_status()
        first = {"Range": "bytes=0-99"}
        assert reader.get("x.bin", headers=first).content == data[:100]
        signed = reader.batch("download", (hashlib.sha256(data).hexdigest(), len(data))).json()["objects"][0]
        href = signed["actions"]["download"]["href"]
        assert reader.plain("GET", href, headers=first).status_code == 206
        owner.http.put(f"/api/models/{repo}/settings", json={"private": True}).raise_for_status()
        assert reader.get("x.bin", headers=first).status_code == 404
        assert reader.plain("GET", href, headers=first).status_code in (403, 404)
        nodes.hubs[0].cli("token", "revoke", eve.name, eve.token)
        assert reader.get("x.bin", headers=first).status_code == 401


@pytest.mark.parametrize("clients", [6, pytest.param(50, marks=pytest.mark.long)])
def test_c8_what_many_repos_hold_is_stored_once_and_outlives_all_but_one(nodes: Nodes, clients: int) -> None:
    repos = [nodes.repo() for _ in range(clients)]
    data = random.Random(clients).randbytes(400_000)
    oid = hashlib.sha256(data).hexdigest()

    def client(number: int) -> int:
        with nodes.sender(repos[number], number) as sender:
            assert sender.lfs(data).status_code == 200
            return sender.commit(large={"x.bin": (oid, len(data))}).status_code

    assert at_once(clients, client) == [200] * clients
    found = list((nodes.hubs[0].data_dir / "blobs").rglob(oid))
    assert len(found) == 1
    for number, repo in enumerate(repos[1:]):
        with nodes.sender(repo, number) as sender:
            body = {"name": repo.partition("/")[2], "organization": "ada", "type": "model"}
            assert sender.http.request("DELETE", "/api/repos/delete", json=body).status_code == 200
    nodes.hubs[1].cli("gc", "--now")
    for number in range(2):
        with nodes.sender(repos[0], number) as sender:
            assert sender.get("x.bin").content == data


@pytest.mark.parametrize("clients", [12, pytest.param(50, marks=pytest.mark.long)])
def test_c11_a_name_is_given_once(nodes: Nodes, clients: int) -> None:
    name = f"Model-{next(_serial)}"

    def client(number: int) -> httpx.Response:
        variant = name if number % 3 else name.upper()
        with nodes.sender(f"ada/{variant}", number) as sender:
            return sender.create()

    assert statuses(at_once(clients, client)) == [200] + [409] * (clients - 1)
    somebody = f"Somebody-{next(_serial)}"
    codes = at_once(4, lambda n: nodes.hubs[n % 2].command(*(("user", "org")[n // 2], "create", somebody)).returncode)
    assert sorted(codes) == [0, 1, 1, 1]
