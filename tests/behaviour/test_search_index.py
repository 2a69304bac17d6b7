"""The index beside its database, on every engine: what is committed is found, and by nobody who may not."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.errors import BadRequest, Unavailable
from pioche.git.store import GitStore
from pioche.names import RepoType
from pioche.repos import grouping
from pioche.repos.access import Action
from pioche.repos.catalog import Settings
from pioche.search import plain, remote, rows
from pioche.search.following import Follower
from pioche.search.index import Index
from pioche.search.query import Query, Search, Sort
from pioche.search.reading import Reader
from pioche.search.remote import IndexSearch
from pioche.search.service import Service
from pioche.search.sql import SqlSearch
from tests.core import Core
from tests.random_queries import query, scope

MODEL = RepoType.MODEL


def card(*tags: str) -> dict[str, bytes]:
    return {"README.md": f"---\ntags: [{', '.join(tags)}]\n---\n# Words\n".encode()}


@pytest.fixture
def follower(core: Core) -> Follower:
    return Follower(core.hub.database)


def names(core: Core, index: Index, caller: Caller, **asked: Any) -> list[str]:
    seen = rows.scope(core.hub.database, caller)
    found = index.find(seen, Query(type=MODEL, sort=Sort.CREATED, **asked))
    known = {row.id: row.full_name for row in rows.load(core.hub.database)}
    assert found.total >= len(found.ids)
    return [known[repo_id] for repo_id in found.ids]


def test_what_is_committed_is_found_by_name_and_tag(core: Core, ada: Caller, follower: Follower) -> None:
    index = follower.build()
    assert names(core, index, ada) == []
    repo = core.repo(ada, "ada/first-words")
    core.commit(repo, ada, card("medical", "Legal"))
    follower.catch_up(index)
    assert (
        names(core, index, ada, words=("t-wor",)) == names(core, index, ada, tags=(("legal",),)) == ["ada/first-words"]
    )
    core.commit(repo, ada, card("medical"))
    core.hub.catalog.move(ada, repo, "ada", "second")
    follower.catch_up(index)
    assert names(core, index, ada, tags=(("medical",),)) == ["ada/second"]
    assert names(core, index, ada, tags=(("legal",),)) == names(core, index, ada, words=("first",)) == []
    core.hub.catalog.delete(ada, core.open(ada, "ada/second"))
    follower.catch_up(index)
    assert names(core, index, ada) == []


def test_models_that_an_engine_takes_are_found_by_who_answers_for_them(core: Core, ada: Caller) -> None:
    follower = Follower(core.hub.database, lambda task, paths: task == "fill-mask" and "onnx/model.onnx" in paths)
    repo = core.repo(ada, "ada/served")
    model = {"README.md": b"---\npipeline_tag: fill-mask\n---\n", "onnx/model.onnx": b"x"}
    core.commit(core.repo(ada, "ada/cold"), ada, {"README.md": model["README.md"]})
    index = follower.build()

    def found() -> list[list[str]]:
        follower.catch_up(index)
        asked: list[dict[str, Any]] = [{"inference": "warm"}, {"providers": ("hf-inference",)}, {"providers": ("all",)}]
        return [names(core, index, ada, **one) for one in asked]

    core.commit(repo, ada, model)
    assert found() == [["ada/served"]] * 3
    assert names(core, index, ada, inference="cold") == ["ada/cold"]
    assert names(core, follower.build(), ada, inference="warm") == ["ada/served"]
    core.commit(repo, ada, {"README.md": b"---\npipeline_tag: other\n---\n"})
    assert found() == [[]] * 3
    core.commit(repo, ada, {"README.md": model["README.md"]}, delete=["onnx/"])
    assert found() == [[]] * 3


def test_nothing_private_is_found_counted_or_suggested(core: Core, ada: Caller, follower: Follower) -> None:
    bob, eve, root = core.user("bob"), core.user("eve"), core.user("root2", is_admin=True)
    core.org("lab", {bob: "read", ada: "admin", eve: "no_access"})
    core.commit(core.repo(ada, "ada/public"), ada, card("shared"))
    index = follower.build()
    strangers = (Caller.nobody(), eve)
    before = [_everything(core, index, caller) for caller in strangers]
    for name in ("ada/secret", "lab/secret"):
        core.commit(core.repo(ada, name, private=True), ada, card("shared", "secret"))
    follower.catch_up(index)
    assert [_everything(core, index, caller) for caller in strangers] == before
    assert names(core, index, bob, words=("secret",)) == ["lab/secret"]
    assert len(names(core, index, ada, words=("secret",))) == len(names(core, index, root, words=("secret",))) == 2
    # What was public and is hidden leaves no trace in what was counted before.
    core.hub.catalog.change(ada, core.open(ada, "ada/public"), Settings(private=True))
    follower.catch_up(index)
    assert _everything(core, index, eve) == ([], 0, {}, [], [])
    core.hub.catalog.change(ada, core.open(ada, "ada/public"), Settings(private=False))
    follower.catch_up(index)
    assert [_everything(core, index, caller) for caller in strangers] == before


def test_what_is_in_a_resource_group_is_found_by_its_members(core: Core, ada: Caller, follower: Follower) -> None:
    bob, eve = core.user("bob"), core.user("eve")
    core.org("lab", {ada: "admin", bob: "read", eve: "write"})
    groups, org = core.hub.directory.groups, core.hub.directory.get_org("lab")
    red = groups.create(org, ada, "red")
    groups.add(org, ada, red, [(core.accounts["bob"], Role.READ)])
    core.commit(core.repo(ada, "lab/secret", private=True), ada, card("shared", "secret"))
    index = follower.build()
    repo, before = core.open(ada, "lab/secret", Action.MANAGE), _everything(core, index, eve)
    for built in (False, True):
        grouping.assign(repo, ada, red.uid)
        hidden = index.withdrawn
        follower.catch_up(index)
        assert index.withdrawn > hidden  # what was answered before must not be answered again
        index = follower.build() if built else index
        assert _everything(core, index, eve) == ([], 0, {}, [], [])
        for caller in (ada, bob):
            assert names(core, index, caller, words=("secret",)) == ["lab/secret"]
        grouping.assign(repo, ada, None)
        follower.catch_up(index)
        assert _everything(core, index, eve) == before


def _everything(core: Core, index: Index, caller: Caller) -> tuple[object, ...]:
    seen = rows.scope(core.hub.database, caller)
    asked = Query(type=MODEL)
    misspelt = Query(type=MODEL, words=("secrets",), tolerant=True, sort=Sort.RELEVANCE)
    return (
        index.find(seen, asked).ids,
        index.find(seen, asked).total,
        index.facets(seen, asked),
        index.find(seen, misspelt).ids,
        names(core, index, caller, words=("secret",), tolerant=True),
    )


def test_the_index_answers_as_the_plain_evaluation_of_the_rows(core: Core, ada: Caller, follower: Follower) -> None:
    core.org("lab", {ada: "admin"})
    index = follower.build()
    rng = random.Random(3)
    for number in range(30):
        owner = rng.choice(("ada", "lab"))
        kind = rng.choice((RepoType.MODEL, RepoType.DATASET, RepoType.SPACE))
        repo = core.repo(ada, f"{owner}/bert-base-{number}", type=kind, private=rng.random() < 0.3)
        core.commit(repo, ada, card(*rng.sample(("fr", "en", "legal", "gguf", "odd"), 2)))
    while follower.catch_up(index):
        pass
    known = list(rows.load(core.hub.database))
    assert len(index) == len(known) == 30
    for _ in range(60):
        seen, asked = scope(rng), query(rng)
        assert index.find(seen, asked) == plain.find(known, seen, asked)
        assert index.facets(seen, asked) == plain.facets(known, seen, asked)


def test_an_event_of_a_transaction_that_commits_late_is_not_missed(core: Core, ada: Caller, follower: Follower) -> None:
    index = follower.build()
    if core.hub.database.is_sqlite:
        pytest.skip("one writer at a time")
    repo = core.repo(ada, "ada/late")
    with core.hub.database.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE repos SET likes = 7 WHERE id = {repo.id}"
        )  # an open transaction: the horizon
        core.repo(ada, "ada/early")
        follower.catch_up(index)
        assert names(core, index, ada) == ["ada/early", "ada/late"]
        follower.catch_up(index)
    core.commit(repo, ada, card("late"))
    follower.catch_up(index)
    assert names(core, index, ada, tags=(("late",),)) == ["ada/late"]


# --- asked over a socket --------------------------------------------------------------------------------------------


class Running:
    """A service in a thread of its own."""

    def __init__(self, core: Core, path: Path) -> None:
        database, folder = core.hub.database, core.hub.config.data_dir
        self._loop = asyncio.new_event_loop()
        self._service = Service(database, path, Reader(database, GitStore(folder / "git"), folder / "cache"))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        while (
            not path.exists() or path.stat().st_mode & 0o777 != 0o600
        ):  # cancelled earlier, it would leave its socket open
            time.sleep(0.01)

    def _run(self) -> None:
        self._task = self._loop.create_task(self._service.run())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.run_until_complete(self._left())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _left(self) -> None:
        """A connection that was accepted in the last moment; with its process it would end by itself."""
        await asyncio.sleep(0.1)
        for writer in list(self._service._connections):
            writer.close()
        await asyncio.sleep(0.1)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()


@pytest.fixture
def socket(core: Core, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "search.sock"
    running = Running(core, path)
    yield path
    running.stop()


@pytest.fixture
def search(core: Core) -> Iterator[Callable[[Path], Search]]:
    opened = list[IndexSearch]()

    def search(path: Path) -> Search:
        opened.append(IndexSearch(core.hub.database, path, SqlSearch(core.hub.database)))
        return opened[-1]

    yield search
    for one in opened:
        one.close()


Asked = Callable[[Path], Search]


def test_the_index_process_answers_and_refuses(core: Core, ada: Caller, socket: Path, search: Asked) -> None:
    core.commit(core.repo(ada, "ada/words"), ada, card("legal"))
    asked = search(socket)
    query = Query(type=MODEL, tags=(("legal",),))
    deadline = time.monotonic() + 30
    while not asked.find(Caller.nobody(), query).total and time.monotonic() < deadline:
        time.sleep(0.01)
    assert asked.find(Caller.nobody(), query).total == 1
    assert ("legal", 1) in asked.facets(ada, query)["other"]
    with pytest.raises(BadRequest, match="cursor"):
        asked.find(ada, Query(type=MODEL, cursor="x"))


def test_without_the_index_a_small_hub_asks_its_database_and_a_large_one_says_no(
    core: Core, ada: Caller, tmp_path: Path, search: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.repo(ada, "ada/words")
    asked = search(tmp_path / "nobody.sock")
    assert asked.find(Caller.nobody(), Query(type=MODEL)).total == 1
    monkeypatch.setattr(remote, "_SMALL_HUB", 0)
    with pytest.raises(Unavailable, match="being built"):
        asked.find(Caller.nobody(), Query(type=MODEL))
    with pytest.raises(Unavailable, match="being built"):
        asked.facets(ada, Query(type=MODEL))


def test_a_process_that_died_is_asked_again_once_it_is_back(
    core: Core, ada: Caller, tmp_path: Path, search: Asked
) -> None:
    core.repo(ada, "ada/words")
    path = tmp_path / "search.sock"
    asked = search(path)
    for _ in range(2):
        running = Running(core, path)
        try:
            assert asked.find(Caller.nobody(), Query(type=MODEL)).total == 1
        finally:
            running.stop()
        assert asked.find(Caller.nobody(), Query(type=MODEL)).total == 1


def test_cards_are_found_by_their_words_and_shown_with_a_snippet(
    core: Core, ada: Caller, socket: Path, search: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, asked = core.user("bob"), search(socket)
    assert isinstance(asked, IndexSearch)
    monkeypatch.setattr(remote, "_SMALL_HUB", 0)  # no answer but the index's

    def found(caller: Caller, text: str, **more: Any) -> list[int]:
        try:
            return asked.find(caller, Query(type=MODEL, text=text, **more)).ids
        except Unavailable:
            return [-1]

    public, secret = core.repo(ada, "ada/rulings"), core.repo(ada, "ada/secret", private=True)
    core.commit(public, ada, {"README.md": "---\nlicense: mit\n---\nRésumés de décisions *juridiques*.".encode()})
    core.commit(secret, ada, {"README.md": b"Juridique aussi."})
    until(lambda: found(ada, "juridique") and set(found(ada, "juridique")) == {public.id, secret.id})
    assert found(bob, "decision juridique") == found(Caller.nobody(), "RÉSUMÉ") == [public.id]
    assert found(bob, "jurdique") == []
    assert found(bob, "jurdique", tolerant=True) == [public.id]
    assert found(bob, "juridique", tags=(("license:mit",),)) == [public.id]
    query = Query(type=MODEL, text="décision")
    assert asked.snippets(bob, query, [public.id, secret.id]) == {
        public.id: [("Résumés de ", False), ("décisions", True), (" juridiques.", False)]
    }
    core.hub.catalog.change(ada, public, Settings(private=True))
    until(lambda: found(bob, "juridique") == [])
    assert asked.snippets(bob, query, [public.id]) == {}
    core.commit(secret, ada, {"README.md": b"Nothing more."})
    until(lambda: found(ada, "juridique") == [public.id])


def test_l6_the_program_of_a_space_is_searched_where_everybody_may_read_it(
    core: Core, ada: Caller, socket: Path, search: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = search(socket)
    assert isinstance(asked, IndexSearch)
    monkeypatch.setattr(remote, "_SMALL_HUB", 0)  # no answer but the index's

    def found(text: str) -> list[int]:
        try:
            return asked.find(Caller.nobody(), Query(type=RepoType.SPACE, text=text)).ids
        except Unavailable:
            return [-1]

    page, named, gated, secret = (
        core.repo(ada, f"ada/{name}", type=RepoType.SPACE, private=name == "secret")
        for name in ("page", "named", "gated", "secret")
    )
    core.hub.catalog.change(ada, gated, Settings(gated="auto"))
    card = b"---\nsdk: gradio\napp_file: src/main.py\n---\nA giraffe.\n"
    core.commit(page, ada, {"README.md": b"---\nsdk: static\n---\nA page.\n", "index.html": b"<p>wombats</p> giraffe"})
    core.commit(named, ada, {"README.md": card, "src/main.py": b"wombats = 3\n", "app.py": b"zebra = 1\n"})
    for hidden in (gated, secret):
        core.commit(hidden, ada, {"README.md": b"A giraffe.", "index.html": b"wombats"})
    until(lambda: set(found("giraffe")) == {page.id, named.id, gated.id})
    assert set(found("wombats")) == {page.id, named.id}
    assert found("zebra") == [], "the card names another file"
    query = Query(type=RepoType.SPACE, text="wombats")
    shown = asked.snippets(Caller.nobody(), query, [named.id])
    assert ("wombats", True) in shown[named.id]


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)
