"""Full text: stems in English and French, accents, misspellings, what may be seen, snippets."""

import random
import string
from pathlib import Path

import pytest

from pioche.names import RepoType
from pioche.search import cardtext
from pioche.search.cards import CardIndex, CardText
from pioche.search.index import Index
from pioche.search.plain import Row, Scope
from pioche.search.query import Query
from pioche.search.spelling import distances, tolerance

README = b"""---
license: mit
tags: [hidden]
---
# Resum\xc3\xa9s

<img src="x.png" onerror=alert(1)> Ce mod\xc3\xa8le a \xc3\xa9t\xc3\xa9 **entra\xc3\xaen\xc3\xa9** pour r\xc3\xa9sumer des
[d\xc3\xa9cisions juridiques](https://example.org/a). It was evaluated on court rulings.

```python
secret_code()
```
"""


@pytest.fixture
def cards(tmp_path: Path) -> CardIndex:
    index = CardIndex(tmp_path / "cards")
    index.put(
        CardText(1, 10, private=False, downloads=5, about="ada/legal-summaries fr", text=cardtext.of_readme(README))
    )
    index.put(CardText(2, 10, private=True, downloads=9, about="ada/secret", text="A private jurisdiction experiment."))
    index.put(
        CardText(3, 20, private=False, downloads=7, about="bob/vision en", text="Detecting running horses in images.")
    )
    index.commit()
    return index


def test_the_text_of_a_card_is_what_people_read() -> None:
    text = cardtext.of_readme(README)
    assert text.startswith("Resumés Ce modèle a été entraîné pour résumer des décisions juridiques. It was")
    for absent in ("license", "hidden", "onerror", "secret_code", "example.org", "*"):
        assert absent not in text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("entrainer", [1]), ("ENTRAÎNÉES", [1]), ("modele", [1]), ("modèles juridique", [1]), ("évaluation", [1]),
        ("evaluating", [1]), ("summary", [1]), ("run horse", [3]), ("horses images", [3]), ("detect", [3]), ("legal", [1]),
        ("juridique horses", []), ("secret_code", []), ("private", []), ("", []), ("--", []), ('"a" OR (b', []),
    ],
)  # fmt: skip
def test_words_are_found_by_their_stems(cards: CardIndex, words: str, found: list[int]) -> None:
    assert sorted(cards.matching(Scope(), words)) == found


def test_what_a_killed_process_left_is_in_nobodys_way(tmp_path: Path) -> None:
    def card(number: int, text: str) -> CardText:
        return CardText(number, 1, private=False, downloads=0, about=f"a/{number}", text=text)

    folder = tmp_path / "cards"
    index = CardIndex(folder)
    for number in range(1, 6):
        index.put(card(number, "one two"))
    index.commit()
    committed = (folder / "meta.json").read_bytes()
    for _ in range(2):  # the second time makes the same list of deletions as the first, which died before the commit
        index.put(card(2, "three"))
        index.commit()
        del index
        (folder / "meta.json").write_bytes(committed)
        (folder / f"{'0' * 32}.7.del").touch()
        index = CardIndex(folder)
        index.remove(100)
        index.remove(101)
    index.put(card(2, "three"))
    index.commit()
    del index
    index = CardIndex(folder)  # what a commit does name stays
    assert sorted(index.matching(Scope(), "three")) == [2]
    assert sorted(index.matching(Scope(), "two")) == [1, 3, 4, 5]


def test_misspelt_words_are_found_when_asked_for(cards: CardIndex) -> None:
    for words, found in (("juridqiues", [1]), ("horsse", [3]), ("detectign", [3]), ("hos", []), ("resumerr", [1])):
        assert sorted(cards.matching(Scope(), words, near=True)) == found, words


def test_a_private_card_is_found_by_those_who_may_read_it(cards: CardIndex) -> None:
    assert not cards.matching(Scope(), "private experiment", near=True)
    assert not cards.matching(Scope(frozenset((20,))), "experiment")
    assert list(cards.matching(Scope(frozenset((10,))), "experiment")) == [2]
    assert list(cards.matching(Scope(everything=True), "experiment")) == [2]


def test_what_is_put_again_or_removed_counts_after_the_commit(cards: CardIndex) -> None:
    cards.put(CardText(3, 20, private=False, downloads=0, about="bob/vision", text="Cats only."))
    cards.remove(1)
    cards.commit()
    assert not cards.matching(Scope(), "horses")
    assert list(cards.matching(Scope(), "cat")) == [3]
    assert not cards.matching(Scope(), "juridique")


def test_a_snippet_marks_what_was_looked_for(cards: CardIndex) -> None:
    text = cards.text(1)
    assert text is not None
    pieces = cards.snippet("x " * 300 + text, cards.words("juridique evaluating"))
    assert [piece for piece, is_hit in pieces if is_hit] == ["juridiques", "evaluated"]
    assert pieces[0] == ("… ", False)
    assert "".join(piece for piece, _ in cards.snippet(text, ["nothing"])).startswith("Resumés")


# --- 200 misspellings -------------------------------------------------------------------------------------------------

WORDS = """summarization translation sentiment classifier multilingual finetuned instruct quantized medical legal chemistry
    jurisprudence traduction documents question answering detection segmentation camembert mistral whisper roberta
    embedding retrieval reranker tokenizer conversations transcripts captions benchmark satellite radiology""".split()


def misspelt(rng: random.Random, word: str) -> str:
    """With as many errors as the word may have."""
    letters = list(word)
    for _ in range(rng.randrange(1, tolerance(word) + 1)):
        at = rng.randrange(1, len(letters) - 1)
        kind = rng.randrange(4)
        if kind == 0:
            del letters[at]
        elif kind == 1:
            letters.insert(at, rng.choice(string.ascii_lowercase))
        elif kind == 2:
            letters[at] = rng.choice(string.ascii_lowercase)
        else:
            letters[at], letters[at - 1] = letters[at - 1], letters[at]
    return "".join(letters)


def test_two_hundred_misspellings_find_what_was_meant(tmp_path: Path) -> None:
    rng = random.Random(11)
    cards, index = CardIndex(tmp_path / "cards"), Index()
    for number, word in enumerate(WORDS, start=1):
        name = f"owner{number}/{word}-model"
        index.put(Row(id=number, type=RepoType.MODEL, full_name=name, audience=1, private=False))
        cards.put(CardText(number, 1, private=False, downloads=0, about="", text=f"A card about {word} and others."))
    index.seal()
    cards.commit()
    in_names = in_cards = 0
    for _ in range(200):
        number = rng.randrange(len(WORDS))
        wrong = misspelt(rng, WORDS[number])
        if tolerance(wrong) < int(distances(wrong, [WORDS[number]])[0]):
            wrong = WORDS[number]  # too short for its errors: not a misspelling that is promised to be found
        found = index.find(Scope(), Query(type=RepoType.MODEL, words=(wrong,), tolerant=True, limit=1000))
        in_names += number + 1 in found.ids
        in_cards += number + 1 in cards.matching(Scope(), wrong, near=True)
    assert (in_names, in_cards) == (200, 200)
