"""Random repos, callers, queries and changes: every engine must answer what `pioche.search.plain` does."""

import dataclasses
import random
from collections.abc import Iterator

from pioche.names import RepoType
from pioche.search import plain
from pioche.search.plain import Row, Scope
from pioche.search.query import Query, Range, Sort

TYPES = (RepoType.MODEL, RepoType.DATASET, RepoType.SPACE)
PIECES = "bert base large tiny llama chat v1 fr en legal medical 7b gguf qa instruct summarizer whisper".split()
OWNERS = ("ada", "bob", "lab", "x-lab", "eve")
TAGS = """transformers gguf pytorch fr en license:mit license:apache-2.0 text-generation fill-mask region:us legal Legal
    dataset:ada/words base_model:ada/bert format:parquet task_categories:qa language:fr odd_tag medical""".split()
NAMESPACES = (1, 2, 3, 4)
WORDS = (
    "bert",
    "ber",
    "e",
    "ll",
    "base",
    "a-b",
    "ada/",
    "/bert",
    "x-lab/b",
    "t-base",
    "zzz",
    "7b",
    "la",
    "summar",
    "rge-t",
)


def row(rng: random.Random, number: int) -> Row:
    kind = rng.choice(TYPES)
    owner = rng.choice(OWNERS)
    name = rng.choice("-_.").join(rng.choices(PIECES, k=rng.randrange(1, 4)))
    return Row(
        id=number,
        type=kind,
        full_name=f"{owner}/{name if rng.random() < 0.7 else name.title()}-{number}",
        audience=OWNERS.index(owner) % 4 + 1,
        private=rng.random() < 0.3,
        gated=rng.choice(("", "", "auto", "manual")),
        tags=frozenset(rng.choices(TAGS, weights=range(len(TAGS), 0, -1), k=rng.randrange(0, 6))),
        pipeline_tag=rng.choice((None, "text-generation", "fill-mask")),
        providers=frozenset(rng.choices(("here", "There"), k=rng.randrange(2)) if rng.random() < 0.2 else ()),
        models=frozenset(("Ada/bert",) if kind is RepoType.SPACE and rng.random() < 0.3 else ()),
        datasets=frozenset(("bob/words",) if kind is RepoType.SPACE and rng.random() < 0.3 else ()),
        parameters=rng.choice((None, 0, 10, 10**6, 7 * 10**9, rng.randrange(10**10))),
        rows=rng.choice((None, 5, rng.randrange(10**6))) if kind is RepoType.DATASET else None,
        downloads=rng.choice((0, 0, 1, rng.randrange(100), rng.randrange(10**9))),
        likes=rng.randrange(4),
        trending=rng.choice((0, 0, rng.randrange(5), rng.randrange(10**6))),
        created_at=rng.randrange(10**6),
        updated_at=rng.randrange(10),
    )


def rows(rng: random.Random, count: int) -> dict[int, Row]:
    numbers = sorted(rng.sample(range(1, count * 2), count))
    return {number: row(rng, number) for number in numbers}


def scope(rng: random.Random) -> Scope:
    draw = rng.random()
    if draw < 0.4:
        return Scope()
    if draw < 0.5:
        return Scope(everything=True)
    return Scope(frozenset(rng.sample(NAMESPACES, rng.randrange(1, 4))))


def query(rng: random.Random) -> Query:
    def some(chance: float) -> bool:
        return rng.random() < chance

    groups = tuple(
        tuple(tag.lower() for tag in rng.sample(TAGS, rng.choice((1, 1, 2))))
        for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))
    )
    least, most = sorted((rng.randrange(10**10), rng.randrange(10**10)))
    return Query(
        type=rng.choice(TYPES),
        words=tuple(rng.choices(WORDS, k=rng.choice((1, 1, 2)))) if some(0.4) else (),
        author=rng.choice((*OWNERS, "nobody")) if some(0.15) else None,
        tags=groups,
        pipeline_tag=rng.choice(("text-generation", "fill-mask", "none")) if some(0.15) else None,
        parameters=rng.choice((Range(least, most), Range(least), Range(None, most), Range(0, 0)))
        if some(0.2)
        else None,
        rows=rng.choice((Range(100, 5_000), Range(1), Range(None, 2_000), Range(0, 0))) if some(0.1) else None,
        gated=rng.choice((True, False)) if some(0.2) else None,
        inference=rng.choice(("warm", "cold")) if some(0.1) else None,
        providers=rng.choice((("all",), ("there",), ("here", "none"))) if some(0.1) else (),
        models=("ada/bert",) if some(0.05) else (),
        datasets=("bob/words",) if some(0.05) else (),
        linked=some(0.05),
        sort=rng.choice([sort for sort in Sort if sort is not Sort.RELEVANCE]),
        ascending=some(0.4),
        offset=rng.choice((0, 0, 0, 1, 7, 1000)),
        limit=rng.choice((1, 3, 10, 30, 1000)),
    )


def pages(rng: random.Random, known: list[Row], seen: Scope, asked: Query) -> Iterator[Query]:
    """The query, and those for a few pages that follow."""
    yield asked
    for _ in range(rng.randrange(3)):
        cursor = plain.find(known, seen, asked).next_cursor
        if cursor is None:
            return
        asked = dataclasses.replace(asked, cursor=cursor, offset=0)
        yield asked
