"""A few answers of every kind, for a search box: what a person means who has typed so much."""

from dataclasses import dataclass

from pioche.accounts.account import Account, Kind
from pioche.accounts.callers import Caller
from pioche.accounts.directory import Directory
from pioche.names import LISTED, RepoType
from pioche.search.query import Found, Query, Search, Sort, fold

LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Quick:
    """`repos` has the ids of rows, and how many there are in all, by type."""

    repos: dict[RepoType, Found]
    users: list[Account]
    orgs: list[Account]


def quick(search: Search, directory: Directory, caller: Caller, text: str, *, each: int = 5) -> Quick:
    """Repos whose names fit the text, by relevance, typing errors allowed; users and organisations whose names begin so.

    Nothing for an empty text.
    """
    words = tuple(fold(word) for word in text[:LENGTH_MAX].split())
    if not words:
        return Quick({}, [], [])
    repos = {
        kind: search.find(caller, Query(type=kind, words=words, tolerant=True, sort=Sort.RELEVANCE, limit=each))
        for kind in LISTED
    }
    start = words[0].removeprefix("@")
    accounts = {kind: directory.beginning_with(start, kind, limit=each) for kind in Kind} if len(words) == 1 else {}
    return Quick(repos, accounts.get(Kind.USER, []), accounts.get(Kind.ORG, []))
