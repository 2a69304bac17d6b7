"""One page of plain answers about an installation: `pioche doctor` (scenarios J2, J5).

`machine` looks at what the hub stands on, `hub` at what it holds. Nothing is changed, made or upgraded; a question that
cannot be answered is an answer too.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """`state` is good, note (look at it when you have time) or bad. `advice` says what to do; empty where nothing is."""

    topic: str
    state: str
    text: str
    advice: str = ""

    @property
    def is_bad(self) -> bool:
        return self.state == "bad"


def good(topic: str, text: str) -> Answer:
    return Answer(topic, "good", text)


def note(topic: str, text: str, advice: str = "") -> Answer:
    return Answer(topic, "note", text, advice)


def bad(topic: str, text: str, advice: str) -> Answer:
    return Answer(topic, "bad", text, advice)
