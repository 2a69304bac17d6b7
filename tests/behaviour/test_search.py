"""Queries over the rows of both databases. What each means is `search.plain`; SQL must agree with it on random queries."""

import random
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.errors import BadRequest
from pioche.names import RepoType
from pioche.repos import info
from pioche.repos.access import Repo
from pioche.search import plain, rows
from pioche.search.query import Query, Range, Sort
from pioche.search.sql import SqlSearch
from tests.core import Core

MODEL, SPACE = RepoType.MODEL, RepoType.SPACE
TAGS = [
    "pytorch",
    "jax",
    "fr",
    "en",
    "License:MIT",
    "text-generation",
    "fill-mask",
    "dataset:Ada/Squad",
    'a"b',
    "50%",
    "é",
]


def names(core: Core, caller: Caller, query: Query) -> list[str]:
    found = core.hub.search.find(caller, query)
    assert found.total >= len(found.ids)
    return [str(repo.repo_id) for repo in info.of_ids(core.hub.database, caller, found.ids)]


def test_a_list_shows_what_may_be_read_and_nothing_else(core: Core, ada: Caller) -> None:
    bob, eve, admin = core.user("bob"), core.user("eve"), core.user("root2", is_admin=True)
    core.org("lab", {bob: "read", ada: "contributor", eve: "no_access"})
    core.repo(ada, "ada/public")
    core.repo(ada, "ada/secret", private=True)
    core.repo(ada, "lab/secret", private=True)
    everything = Query(type=MODEL)
    assert sorted(names(core, Caller.nobody(), everything)) == sorted(names(core, eve, everything)) == ["ada/public"]
    assert sorted(names(core, bob, everything)) == ["ada/public", "lab/secret"]
    for caller in (ada, admin):
        assert sorted(names(core, caller, everything)) == ["ada/public", "ada/secret", "lab/secret"]
    for query in (replace(everything, words=("secret",)), replace(everything, author="lab")):
        assert core.hub.search.find(eve, query).total == 0
    page = core.hub.search.find(eve, replace(everything, limit=1))
    assert (page.total, page.next_cursor) == (1, None)


def test_rows_that_were_found_too_late_are_not_shown(core: Core, ada: Caller) -> None:
    secret = core.repo(ada, "ada/secret", private=True)
    public = core.repo(ada, "ada/public")
    ids = [public.id, secret.id, 10**9]
    assert [repo.id for repo in info.of_ids(core.hub.database, Caller.nobody(), ids)] == [public.id]
    assert [repo.id for repo in info.of_ids(core.hub.database, ada, ids)] == [public.id, secret.id]


def test_pages_by_cursor_meet_every_repo_once(core: Core, ada: Caller) -> None:
    for number in range(7):
        core.repo(ada, f"ada/r{number}")
    for ascending in (True, False):
        query, seen = Query(type=MODEL, sort=Sort.CREATED, ascending=ascending, limit=2), list[str]()
        while True:
            page = core.hub.search.find(ada, query)
            seen += [repo.repo_id.name for repo in info.of_ids(core.hub.database, ada, page.ids)]
            if page.next_cursor is None:
                break
            query = replace(query, cursor=page.next_cursor)
        assert sorted(seen) == [f"r{number}" for number in range(7)]


def test_a_cursor_of_ones_own_making_is_refused(core: Core, ada: Caller, repo: Repo) -> None:
    for cursor in ("x", "W10", "é", "WzFlOTksMV0", "WzE4NDQ2NzQ0MDczNzA5NTUxNjE2LDFd"):
        with pytest.raises(BadRequest):
            core.hub.search.find(ada, Query(type=MODEL, cursor=cursor))


def test_sql_answers_as_the_plain_reading_of_the_query_does(core: Core, ada: Caller) -> None:
    dice = random.Random(1)
    bob = core.user("bob")
    core.org("lab", {bob: "read", ada: "admin"})
    _fill(core, ada, dice)
    everything = list(rows.load(core.hub.database, _serves))
    assert any(row.providers for row in everything)
    search = SqlSearch(core.hub.database, _serves)
    for _ in range(150):
        query, caller = _query(dice), dice.choice([ada, bob, Caller.nobody()])
        scope = rows.scope(core.hub.database, caller)
        expected = plain.find(everything, scope, query)
        assert search.find(caller, query) == expected, query
        assert search.facets(caller, query, each=5) == plain.facets(everything, scope, query, each=5), query
        if expected.next_cursor:
            following = replace(query, cursor=expected.next_cursor, offset=0)
            assert search.find(caller, following) == plain.find(everything, scope, following)


def _serves(task: str, paths: Collection[str]) -> bool:
    return task == "text-generation" and "weights/model.gguf" in paths


def _fill(core: Core, owner: Caller, dice: random.Random) -> None:
    """Repos with everything that is searched; half of them have facts that were read."""
    for number in range(40):
        namespace, kind = dice.choice(["ada", "lab"]), dice.choice([MODEL, MODEL, SPACE])
        name = f"{namespace}/{dice.choice(['Bert', 'gpt', 'roberta_x', 'stable'])}-{number}"
        repo = core.repo(owner, name, private=dice.random() < 0.3, type=kind)
        tags = dice.sample(TAGS, dice.randint(0, 5))
        card = {"models": ["Bert-Base"]} if dice.random() < 0.5 else {"datasets": []}
        values = {name: dice.randint(0, 3) for name in ("downloads", "likes", "trending", "created_at", "updated_at")}
        values |= {"tags": msgspec.json.encode(tags).decode(), "gated": dice.choice(["", "auto"])}
        values |= {"card": msgspec.json.encode({**card, "pipeline_tag": "Fill-Mask"}).decode()}
        facts = {
            "parameters": dice.choice([None, 10, 7_000]),
            "rows": dice.choice([None, 10, 7_000]),
            "summary": dice.choice([None, "A Small thing", "50% of it"]),
        }
        with core.hub.database.write() as connection:
            connection.execute(schema.repos.update().where(schema.repos.c.id == repo.id).values(values))
            connection.execute(schema.facts.delete().where(schema.facts.c.repo_id == repo.id))
            if dice.random() < 0.5:
                task = dice.choice([None, "text-generation"])
                connection.execute(schema.facts.insert().values(repo_id=repo.id, pipeline_tag=task, **facts))
            file = {"parent": "weights", "mode": 0o100644, "oid": "0" * 40, "size": 1, "last_commit": "0" * 40}
            for path in dice.sample(["weights/model.gguf", "weights/a/model.gguf", "weights/é.bin"], 2):
                connection.execute(schema.entries.insert().values(repo_id=repo.id, path=path, **file))


def _query(dice: random.Random) -> Query:
    """A few conditions, of which each is left out more often than not."""

    def perhaps(value: Any, otherwise: Any) -> Any:
        return value if dice.random() < 0.2 else otherwise

    kind = dice.choice([MODEL, MODEL, SPACE])
    folded = [tag.lower() if tag.isascii() else tag for tag in [*TAGS, "static", info.REGION, "absent"]]
    groups = [tuple(dice.sample(folded, dice.randint(1, 2))) for _ in range(dice.choice([0, 0, 1, 2]))]
    query = Query(
        type=kind,
        words=perhaps((dice.choice(["bert", "-1", "ada/", "_", "%"]),), ()),
        text=perhaps(dice.choice(["Small", "50%", "jax", "nothing"]), ""),
        author=perhaps(dice.choice(["ada", "lab", "nobody"]), None),
        tags=tuple(groups),
        gated=perhaps(dice.random() < 0.5, None),
        sort=dice.choice(list(Sort)),
        ascending=dice.random() < 0.5,
        offset=dice.choice([0, 0, 3]),
        limit=dice.choice([1, 5, 100]),
    )
    if kind is SPACE:
        return replace(query, models=perhaps(("bert-base",), ()), linked=perhaps(True, False))
    least_and_most = perhaps(Range(dice.choice([None, 10]), dice.choice([None, 10, 7_000])), None)
    task = perhaps(dice.choice(["fill-mask", "text-generation"]), None)
    query = replace(query, inference=perhaps(dice.choice(["warm", "cold"]), None))
    query = replace(query, providers=perhaps((dice.choice(["all", "hf-inference", "elsewhere"]),), ()))
    rows_wanted = perhaps(Range(dice.choice([None, 10]), dice.choice([None, 10, 7_000])), None)
    return replace(query, parameters=least_and_most, rows=rows_wanted, pipeline_tag=task)
