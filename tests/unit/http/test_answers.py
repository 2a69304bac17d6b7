"""How much is remembered of what was answered (`pioche.http.answers`)."""

from typing import Any, cast

import pytest

from pioche.accounts.callers import Caller
from pioche.db.engine import Database
from pioche.http.answers import Answers, Known
from pioche.http.messages import Response


class Generations:
    """Stands for a database that says how often it was written to, or cannot say."""

    def __init__(self, number: int | None = 1) -> None:
        self.number = number

    def generation(self) -> int | None:
        return self.number


def answers_over(generations: Generations) -> Answers:
    return Answers(cast("Database", generations))


def known(body: Any = b"") -> Known:
    return Known(cast("Any", None), Caller.nobody(), None, Response(200, [], body))


def test_an_answer_is_found_until_something_is_committed() -> None:
    database = Generations()
    answers, answer = answers_over(database), known()
    assert answers.find(("a",)) is None
    answers.keep(("a",), answers.as_of, answer)
    assert answers.find(("a",)) is answer
    assert answers.find(("b",)) is None
    database.number = 2
    assert answers.find(("a",)) is None
    assert answers.find(("a",)) is None


def test_an_answer_from_before_a_commit_is_not_kept() -> None:
    database = Generations()
    answers = answers_over(database)
    answers.find(("a",))
    before = answers.as_of
    database.number = 2
    answers.keep(("a",), before, known())
    assert answers.find(("a",)) is None
    answers.keep(("a",), before, known())
    assert answers.find(("a",)) is None


def test_a_database_that_does_not_tell_is_not_remembered() -> None:
    answers = answers_over(Generations(None))
    assert answers.find(("a",)) is None
    answers.keep(("a",), answers.as_of, known())
    assert answers.find(("a",)) is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pioche.http.answers._BYTES_MAX", 100_000)
    answers = answers_over(Generations())
    answers.find(("first",))
    for number in range(1000):
        answers.keep((number,), answers.as_of, known(b"x" * 8000))
        assert sum(answers.find((n,)) is not None for n in range(number + 1)) <= 10
    assert answers.find((999,)) is not None
    answers.keep(("large",), answers.as_of, known(b"x" * 70_000))
    assert answers.find(("large",)) is None
