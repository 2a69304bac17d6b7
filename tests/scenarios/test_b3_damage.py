"""B3, B4: stored bytes that were flipped, cut, zeroed or removed are never served; sending them again mends them."""

import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pioche.storage import damage as storage_damage
from pioche.storage.blobs import blob_key, xorb_key
from pioche.storage.xet.hashing import to_text
from tests.asgi import Answer
from tests.databases import SqliteTemplate
from tests.hub import Hub
from tests.inside import Inside, ndjson
from tests.lfs_client import batch, follow, one, upload
from tests.local import LocalHub, User, sha256_of
from tests.sender import Sender, git, xet_file
from tests.xet_client import shard_of
from tests.xet_world import World, opened

DATA = random.Random(3).randbytes(300_000)
OTHER = random.Random(4).randbytes(1000)
FILE = "/ada/model/resolve/main/model.bin"


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def flip_and_hide(path: Path) -> None:
    """As somebody who sets the time back afterwards."""
    before = path.stat()
    flip(path)
    os.utime(path, (before.st_atime, int(before.st_mtime)))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


DAMAGE = [flip, flip_and_hide, cut, empty, zero, Path.unlink]
Damage = Callable[[Path], None]


def corrupt(answer: Answer) -> None:
    assert (answer.status, answer.headers.get("x-error-code")) == (500, "Corrupt"), (answer.status, answer.text[:200])
    assert answer.complete


@pytest.fixture
def ada(local: LocalHub) -> User:
    user = local.user("ada")
    local.create_repo(user, "ada/model")
    local.commit(user, "ada/model", {"a.txt": b"small"}, large={"model.bin": DATA, "other.bin": OTHER})
    return user


# --- plain files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGE)
def test_b3_b4_a_damaged_blob_is_not_served_until_it_is_sent_again(local: LocalHub, ada: User, damage: Damage) -> None:
    path = local.config.data_dir / blob_key(sha256_of(DATA))
    assert local.client.get(FILE).body == DATA
    damage(path)
    for _ in range(2):
        corrupt(local.client.get(FILE))
        corrupt(local.client.head(FILE))
        corrupt(local.client.get(FILE, headers={"range": "bytes=0-99"}))
        address = one(batch(local, ada, "download", (sha256_of(DATA), len(DATA))))["actions"]["download"]
        assert follow(local, address, "GET").status == 500
    assert local.client.get("/ada/model/resolve/main/other.bin").body == OTHER, "the rest is served"
    assert local.client.get("/api/models/ada/model").status == 200
    assert preupload_oid(local, ada) is None, "clients do not send again what has the same oid"
    upload(local, ada, DATA)
    assert local.client.get(FILE).body == DATA
    assert local.client.head(FILE).status == 200
    assert preupload_oid(local, ada) == sha256_of(DATA)


def preupload_oid(local: LocalHub, user: User) -> str | None:
    body = {"files": [{"path": "model.bin", "size": len(DATA), "sample": ""}]}
    answer = local.client.post("/api/models/ada/model/preupload/main", token=user.token, json=body)
    oid = answer.json()["files"][0].get("oid")
    return None if oid is None else str(oid)


def test_b3_a_touched_file_that_is_whole_is_served(local: LocalHub, ada: User) -> None:
    """A copy by a program that keeps no times: it costs one reading, in each process until it is sealed again."""
    path = local.config.data_dir / blob_key(sha256_of(DATA))
    os.utime(path, (1, 1))
    assert local.client.head(FILE).status == 200
    assert local.client.get(FILE).body == DATA
    assert path.stat().st_mtime_ns % 10**9 != 0, "sealed"
    assert int(path.stat().st_mtime) == 1, "its age is its own"


def test_b4_what_the_scrub_took_away_is_refused_until_it_is_sent_again(local: LocalHub, ada: User) -> None:
    key, database, blobs = blob_key(sha256_of(DATA)), local.hub.database, local.hub.blobs
    storage_damage.set_aside(database, blobs, key)
    corrupt(local.client.head(FILE))  # set aside, and not yet known to be lost
    corrupt(local.client.get(FILE))
    storage_damage.lose_blob(database, blobs, sha256_of(DATA))
    corrupt(local.client.head(FILE))
    corrupt(local.client.get(FILE))
    assert preupload_oid(local, ada) is None
    upload(local, ada, DATA)
    assert local.client.get(FILE).body == DATA
    assert local.client.head(FILE).status == 200


# --- chunks ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def world(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    with opened(sqlite_template, tmp_path / "world") as world:
        yield world


@pytest.mark.parametrize("damage", DAMAGE)
def test_b3_b4_a_damaged_xorb_reaches_nobody_until_it_is_sent_again(world: World, damage: Damage) -> None:
    cas = world.xet("ann")
    file, xorb = xet_file(DATA)
    assert cas.send_xorb(xorb).status == 200
    assert cas.post("/v1/shards", shard_of([file], [xorb])).status == 200
    line = ("lfsFile", {"path": "x.bin", "algo": "sha256", "oid": file.sha256, "size": len(DATA)})
    body = ndjson({"summary": "x"}, line)
    assert world.json("POST", "/api/models/ann/m/commit/main", "ann", body=body).status == 200
    plan = cas.plan(file).json()
    [[place]] = plan["xorbs"].values()
    address = place["url"].partition("/cas/")[2]
    span = place["ranges"][0]["bytes"]
    fetch = {"range": f"bytes={span['start']}-{span['end']}"}
    assert world.client.get(f"/cas/{address}", headers=fetch).body == xorb.body

    damage(world.hub.config.data_dir / xorb_key(to_text(xorb.name)))
    corrupt(world.client.get(f"/cas/{address}", headers=fetch))
    corrupt(cas.plan(file))
    corrupt(world.json("GET", "/ann/m/resolve/main/x.bin", "ann"))
    assert cas.send_xorb(xorb).status == 200
    assert cas.plan(file).status == 200
    assert world.client.get(f"/cas/{address}", headers=fetch).body == xorb.body
    assert world.json("GET", "/ann/m/resolve/main/x.bin", "ann").body == DATA


def test_b3_a_chunked_file_is_mended_by_its_whole_bytes_too(world: World) -> None:
    cas = world.xet("ann")
    file, xorb = xet_file(DATA)
    assert cas.send_xorb(xorb).status == 200
    assert cas.post("/v1/shards", shard_of([file], [xorb])).status == 200
    line = ("lfsFile", {"path": "x.bin", "algo": "sha256", "oid": file.sha256, "size": len(DATA)})
    world.json("POST", "/api/models/ann/m/commit/main", "ann", body=ndjson({"summary": "x"}, line))
    (world.hub.config.data_dir / xorb_key(to_text(xorb.name))).unlink()
    answer = world.json(
        "POST",
        "/ann/m.git/info/lfs/objects/batch",
        "ann",
        json={"operation": "upload", "objects": [{"oid": file.sha256, "size": len(DATA)}]},
    )
    href = answer.json()["objects"][0]["actions"]["upload"]["href"].partition("8000")[2]
    assert world.client.put(href, body=DATA).status == 200
    found = world.json("GET", "/ann/m/resolve/main/x.bin", "ann")
    assert found.body == DATA
    assert "x-xet-hash" not in found.headers


# --- git ------------------------------------------------------------------------------------------------------------


def test_b3_a_damaged_pack_is_not_served_until_its_files_are_sent_again(tmp_path: Path) -> None:
    """Between two runs: a pack that is cut while it is mapped takes a process down, which is started again."""
    text = random.Random(5).randbytes(100_000).hex().encode()
    with Hub(tmp_path) as hub:
        ada = hub.user("ada")
        with ExitStack() as stack:
            repos = {
                kind.__name__: stack.enter_context(Sender(hub, ada, f"ada/{kind.__name__}"))
                for kind in (flip, cut, Path.unlink)
            }
            for repo in repos.values():
                repo.create().raise_for_status()
                repo.commit({"sound.txt": b"sound"}).raise_for_status()
                repo.commit({"text.txt": text}).raise_for_status()
                repo.commit({"later.txt": b"later"}).raise_for_status()
            hub.stop()
            for kind in (flip, cut, Path.unlink):
                [pack] = [path for path in packs_of(hub, f"ada/{kind.__name__}") if path.stat().st_size > 50_000]
                pack.chmod(0o644)
                kind(pack)
            hub.start()
            for name, repo in repos.items():
                answer = repo.get("text.txt")
                assert (answer.status_code, answer.headers.get("x-error-code")) == (500, "Corrupt"), (name, answer.text)
                assert repo.get("sound.txt").content == b"sound"
                assert git(tmp_path, "clone", "-q", repo.remote, f"no-{name}").returncode, "git tells its user"
                again = repo.commit({"text.txt": text})
                assert again.status_code == 200 or again.headers.get("x-error-code") == "Corrupt", (
                    name,
                    hub.output()[-3000:],
                )
            hub.restart()
            for repo in repos.values():
                assert repo.get("sound.txt").content == b"sound"
            # A pack that is gone took commits along: that is for a backup. One blob comes back by itself.
            assert repos["flip"].get("text.txt").content == text


def packs_of(hub: Hub, repo: str) -> list[Path]:
    with sqlite3.connect(hub.data_dir / "pioche.db") as connection:
        (uid,) = connection.execute("SELECT uid FROM repos WHERE full_name = ?", (repo,)).fetchone()
    connection.close()
    return list((hub.data_dir / "git").glob(f"*/{uid}.git/objects/pack/*.pack"))


# --- the database ---------------------------------------------------------------------------------------------------


def test_b3_a_damaged_database_is_named_and_the_rest_is_served(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    config = sqlite_template.config(tmp_path / "data")
    with sqlite3.connect(config.data_dir / "pioche.db") as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'discussions'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with (config.data_dir / "pioche.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff")
    with Inside(config) as inside:
        ada = inside.user("ada")
        repo = inside.repo(ada, "ada/words")
        inside.commit(repo, ada, {"a.txt": b"1"})
        assert inside.client.get("/ada/words/resolve/main/a.txt").body == b"1"
        body = ndjson({"summary": "x"}, ("file", {"path": "b.txt", "content": "1"}))
        path = "/api/models/ada/words/commit/main?create_pr=1"
        corrupt(inside.client.post(path, token=inside.token(ada), body=body))
        assert inside.client.get("/healthz").status == 200
        assert inside.client.get("/ada/words/resolve/main/a.txt").body == b"1"
