"""J2: a database that is older than the bytes, and bytes that are older than the database. The hub starts and serves what it has;
what it has not is said clearly, and never "not found"."""

import shutil
from pathlib import Path

import pytest

from pioche.accounts.callers import Caller
from pioche.config import Config
from tests.databases import SqliteTemplate
from tests.inside import Inside, ndjson

LARGE = b"large and new " * 5000


@pytest.fixture
def before(sqlite_template: SqliteTemplate, tmp_path: Path) -> Config:
    """A hub as it was on Monday; `after` is the same on Tuesday."""
    config = sqlite_template.config(tmp_path / "monday")
    with Inside(config) as hub:
        ada = hub.user("ada")
        repo = hub.repo(ada, "ada/words")
        hub.commit(repo, ada, {"old.txt": b"old", "old.bin": hub.upload(repo, ada, b"large and old")})
    return config


@pytest.fixture
def after(before: Config, tmp_path: Path) -> Config:
    config = copied(before, tmp_path / "tuesday")
    with Inside(config) as hub:
        ada = known(hub)
        repo = hub.open(ada, "ada/words")
        hub.commit(repo, ada, {"new.txt": b"new", "new.bin": hub.upload(repo, ada, LARGE)})
        hub.commit(hub.repo(ada, "ada/newer"), ada, {"only.txt": b"here"})
    return config


def copied(config: Config, folder: Path) -> Config:
    shutil.copytree(config.data_dir, folder)
    return Config(data_dir=folder)


def known(hub: Inside) -> Caller:
    account = hub.accounts["ada"] = hub.hub.directory.get("ada")
    return Caller(account.id, "ada", may_write=True, is_admin=False)


def test_j2_a_database_older_than_the_bytes_is_whole(before: Config, after: Config, tmp_path: Path) -> None:
    mixed = copied(after, tmp_path / "mixed")
    shutil.copy(before.data_dir / "pioche.db", mixed.data_dir / "pioche.db")
    with Inside(mixed) as hub:
        ada = known(hub)
        token = hub.token(ada)
        for path, data in (("old.txt", b"old"), ("old.bin", b"large and old")):
            assert hub.client.get(f"/ada/words/resolve/main/{path}", token=token).body == data
        assert hub.client.get("/ada/words/resolve/main/new.bin", token=token).status == 404, "nobody knows of it"
        # The same again: the bytes that are there already are the same bytes.
        repo = hub.open(ada, "ada/words")
        hub.commit(repo, ada, {"new.txt": b"new", "new.bin": hub.upload(repo, ada, LARGE)})
        assert hub.client.get("/ada/words/resolve/main/new.bin", token=token).body == LARGE
        hub.commit(hub.repo(ada, "ada/newer"), ada, {"only.txt": b"here"})
        assert hub.client.get("/ada/newer/resolve/main/only.txt", token=token).body == b"here"
        assert hub.log.getvalue() == ""


def test_j2_bytes_older_than_the_database_are_missed_and_said_to_be(
    before: Config, after: Config, tmp_path: Path
) -> None:
    mixed = copied(after, tmp_path / "mixed")
    for folder in ("git", "blobs", "xet"):
        shutil.rmtree(mixed.data_dir / folder)
        shutil.copytree(before.data_dir / folder, mixed.data_dir / folder)
    with Inside(mixed) as hub:
        token = hub.token(known(hub))
        get = hub.client.get
        assert get("/readyz").status == 200
        assert get("/ada/words/resolve/main/old.bin", token=token).body == b"large and old"
        assert get("/ada/words/resolve/main/old.txt", token=token).body == b"old"
        for lost in ("words/resolve/main/new.bin", "words/resolve/main/new.txt", "newer/resolve/main/only.txt"):
            answer = get(f"/ada/{lost}", token=token)
            assert (answer.status, answer.headers["x-error-code"]) == (500, "Corrupt"), lost
            assert b"Traceback" not in answer.body
        # Rows are all there: lists and descriptions are answered, and what needs a lost object says so.
        assert [entry["path"] for entry in get("/api/models/ada/words/tree/main", token=token).json()] == [
            ".gitattributes",
            "new.bin",
            "new.txt",
            "old.bin",
            "old.txt",
        ]
        assert get("/api/models/ada/words", token=token).status == 200
        commit = hub.client.post(
            "/api/models/ada/words/commit/main", token=token, body=ndjson({"summary": "x"}, ("file", {"path": "b.txt"}))
        )
        history = get("/api/models/ada/words/commits/main", token=token)
        fetch = get("/ada/words.git/info/refs?service=git-upload-pack", token=token)
        for answer in (commit, history, fetch):
            assert answer.status in (200, 500), answer.text
            if answer.status == 500:
                assert answer.headers.get("x-error-code") == "Corrupt", answer.text
