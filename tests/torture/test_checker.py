"""The checker finds what it is there to find: each kind of loss, made on purpose."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pioche.git.objects import Commit, Signature
from pioche.names import Oid
from pioche.storage.blobs import blob_key
from tests.databases import SqliteTemplate
from tests.local import LocalHub
from tests.torture import checker
from tests.torture.history import ACKNOWLEDGED, REFUSED, History, Operation

WHO = Signature("ada", "ada@example.org", 0, 0)


def _commit(number: int, title: str, *parents: int) -> Commit:
    oids = [Oid(f"{n:040x}") for n in (number, *parents)]
    return Commit(oids[0], Oid("0" * 40), oids[1:], WHO, WHO, title)  # type: ignore[arg-type]


def _operation(number: int, start: float, end: float | None, result: str = ACKNOWLEDGED, **facts: object) -> Operation:
    return Operation(number, "commit", 0, start, end, result, dict(facts))


ONE, TWO = _commit(1, "op-0-1"), _commit(2, "op-0-2", 1)
FIRST, SECOND = _operation(1, 0, 1), _operation(2, 2, 3)


@pytest.mark.parametrize(
    ("chain", "operations", "said"),
    [
        ([ONE, TWO], [FIRST, SECOND], ""),
        ([ONE], [FIRST, SECOND], "op-0-2 was acknowledged and is not in history"),
        ([ONE, TWO], [FIRST, _operation(2, 2, 3, REFUSED)], "op-0-2 was refused and is in history"),
        ([ONE, TWO, _commit(3, "op-0-2", 2)], [FIRST, SECOND], "op-0-2 is in history 2 times"),
        ([TWO, ONE], [FIRST, SECOND], "op-0-2 began after another had ended that stands above it"),
        ([ONE, TWO], [FIRST, _operation(2, 2, 3, parent=f"{9:040x}")], "op-0-2 was acknowledged on"),
        ([ONE, TWO], [FIRST, _operation(2, 2, 3, oid=f"{9:040x}")], "op-0-2 was acknowledged as"),
        ([ONE, TWO], [_operation(1, 0, None, "unknown"), SECOND], ""),
    ],
)
def test_a_branch_is_a_register(chain: list[Commit], operations: list[Operation], said: str) -> None:
    found = list(checker.judge(chain, operations))
    assert len(found) == bool(said)
    assert all(line.startswith(said) for line in found)


def _remove_pack(hub: LocalHub, _sha256: str) -> None:
    for path in hub.config.data_dir.glob("git/*/*/objects/pack/*.idx"):
        path.unlink()


def _flip_blob(hub: LocalHub, sha256: str) -> None:
    path = hub.config.data_dir / blob_key(sha256)
    path.write_bytes(b"x" + path.read_bytes()[1:])


def _remove_blob(hub: LocalHub, sha256: str) -> None:
    (hub.config.data_dir / blob_key(sha256)).unlink()


def _sql(text: str) -> Callable[[LocalHub, str], None]:
    def run(hub: LocalHub, _sha256: str) -> None:
        connection = sqlite3.connect(hub.config.data_dir / "pioche.db", isolation_level=None)
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute(text)
        connection.close()

    return run


def _leave_partial(hub: LocalHub, _sha256: str) -> None:
    next(hub.config.data_dir.glob("git/*/*/objects/pack")).joinpath("tmp_pack_x").write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_flip_blob, "content d35c41"),
        (_remove_blob, "content d35c41"),
        (_remove_pack, "git fsck"),
        (_remove_pack, "its tip cannot be read"),
        (_sql("DELETE FROM entries WHERE path = 'a.txt'"), "the rows of its tip are not what git has"),
        (_sql("DELETE FROM contents"), "a row of repo_contents refers to nothing"),
        (_sql("DELETE FROM refs WHERE name = 'refs/tags/v1'"), "refs/tags/v1 is None"),
        (_leave_partial, "tmp_pack_x is left"),
    ],
)
def test_damage_is_found(
    sqlite_template: SqliteTemplate, tmp_path: Path, damage: Callable[[LocalHub, str], None], said: str
) -> None:
    hub = LocalHub(sqlite_template.config(tmp_path))
    try:
        ada = hub.user("ada")
        hub.create_repo(ada, "ada/model")
        hub.commit(ada, "ada/model", {"a.txt": b"1"}, large={"large.bin": b"large"})
        hub.client.post("/api/models/ada/model/tag/main", token=ada.token, json={"tag": "v1"})
        assert checker.check(hub.config, History()) == []
        damage(hub, hub.store(ada, "ada/model", b"large"))
        assert any(said in line for line in checker.check(hub.config, History()))
    finally:
        hub.close()
