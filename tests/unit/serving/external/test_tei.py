"""What goes to a server that speaks text-embeddings-inference, and what is made of its answers."""

import json

import pytest

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.external import tei
from pioche.serving.spec import Ask

PAIR = Ask("sentence-similarity", {"source_sentence": "a", "sentences": ["b", "c"]})


def test_texts_go_to_embed_with_what_was_asked_of_them() -> None:
    call = tei.call("m", Ask("feature-extraction", "a", {"truncate": True, "truncation_direction": "left"}))
    assert call.path == "/embed"
    assert json.loads(call.body) == {"inputs": ["a"], "truncate": True, "truncation_direction": "Left"}
    assert json.loads(tei.call("m", PAIR).body) == {"inputs": ["a", "b", "c"]}


def test_similarity_is_made_of_rows() -> None:
    assert json.loads(tei.answer(PAIR, b"[[2, 0], [0, 3], [1, 0]]")) == [0.0, 1.0]


@pytest.mark.parametrize("ask", [Ask("chat", {}), Ask("feature-extraction", 1), Ask("sentence-similarity", "a")])
def test_what_it_has_no_word_for_is_refused(ask: Ask) -> None:
    with pytest.raises(InvalidInput):
        tei.call("m", ask)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"[[1], [2]]", b'[["a"]]', b"[" * 100_000])
def test_garbage_is_the_other_servers_failure(body: bytes) -> None:
    with pytest.raises(EngineFailed):
        tei.answer(Ask("feature-extraction", "a"), body)
