"""Completing a card from its page: one click, a form, a first text (ui.md M11, CARD 4; issue item 6)."""

from urllib.parse import urlencode

import pytest

from tests.asgi import Answer
from tests.local import LocalHub, User

CARD = b"""---
# who may use it
license: mit
custom: {kept: as-is}   # a comment
tags:
  - one
---
# Card

Text.
"""
PEFT = b'{"base_model_name_or_path": "ada/base", "task_type": "CAUSAL_LM"}'


@pytest.fixture
def ada(local: LocalHub) -> User:
    user = local.user("ada")
    local.create_repo(user, "ada/model")
    return user


def _send(local: LocalHub, user: User, fields: dict[str, str], repo: str = "ada/model") -> Answer:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return local.client.post(f"/{repo}/card", token=user.token, body=urlencode(fields).encode(), headers=headers)


def _readme(local: LocalHub, revision: str = "main") -> str:
    return local.client.get(f"/ada/model/raw/{revision}/README.md").text


def test_one_click_adds_what_the_files_say_and_touches_nothing_else(local: LocalHub, ada: User) -> None:
    local.commit(ada, "ada/model", {"README.md": CARD, "adapter_config.json": PEFT})
    page = local.client.get("/ada/model/card", token=ada.token).text
    assert 'name="base_model" value="ada/base"' in page
    answer = _send(local, ada, {"base_model": "ada/base"})
    assert (answer.status, answer.headers["location"]) == (303, "/ada/model")
    added = _readme(local)
    start, end = added.index("  - one\n") + 8, added.index("---\n# Card")
    assert added[start:end].split() in (["base_model:", "ada/base"], ["base_model:", "-", "ada/base"])
    assert added[:start] + added[end:] == CARD.decode(), "not a letter else"
    assert local.client.get("/api/models/ada/model").json()["cardData"]["base_model"] in ("ada/base", ["ada/base"])
    assert "kept: as-is}   # a comment" in _readme(local)


def test_the_form_changes_adds_and_removes_fields(local: LocalHub, ada: User) -> None:
    local.commit(ada, "ada/model", {"README.md": CARD})
    fields = {
        "license": "apache-2.0",
        "language": "fr\r\nen",
        "tags": "",
        "library_name": "",
        "pipeline_tag": "translation",
    }
    assert _send(local, ada, fields).status == 303
    data = local.client.get("/api/models/ada/model").json()["cardData"]
    assert data == {
        "license": "apache-2.0",
        "custom": {"kept": "as-is"},
        "language": ["fr", "en"],
        "pipeline_tag": "translation",
    }


def test_m11_the_first_card_is_written_from_a_template(local: LocalHub, ada: User) -> None:
    local.commit(ada, "ada/model", {"config.json": b'{"model_type": "bert", "architectures": ["BertForMaskedLM"]}'})
    page = local.client.get("/ada/model/card", token=ada.token).text
    assert "## How to use it" in page
    assert _send(local, ada, {"license": "mit", "text": "# My model\r\n\r\nHello.\r\n"}).status == 303
    assert _readme(local) == "---\nlicense: mit\n---\n# My model\n\nHello.\n"
    assert "<h2" in local.client.get("/ada/model").text


def test_a_stranger_proposes_and_nobody_is_refused(local: LocalHub, ada: User) -> None:
    local.commit(ada, "ada/model", {"README.md": CARD})
    eve = local.user("eve")
    assert _send(local, eve, {"license": "cc0-1.0"}).status == 403
    assert _send(local, eve, {"license": "cc0-1.0", "target": "pull"}).status == 303
    assert "license: mit" in _readme(local)
    assert "license: cc0-1.0" in _readme(local, "refs%2Fpr%2F1")
    asked = local.client.get("/ada/model/card")
    assert (asked.status, asked.headers["location"]) == (303, "/login?next=/ada/model/card")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"license": "mit"}, "Nothing was changed"),
        ({}, "Nothing was changed"),
        ({"license": "x" * 6000}, "at most 5000"),
    ],
)
def test_what_cannot_be_written_is_said(local: LocalHub, ada: User, fields: dict[str, str], says: str) -> None:
    local.commit(ada, "ada/model", {"README.md": CARD})
    answer = _send(local, ada, fields)
    assert answer.status == 400
    assert says in answer.text
    assert _readme(local) == CARD.decode()


def test_a_card_that_is_no_text_is_left_alone(local: LocalHub, ada: User) -> None:
    local.commit(ada, "ada/model", large={"README.md": b"x" * 2000})
    answer = _send(local, ada, {"license": "mit"})
    assert answer.status == 400
    assert "too large to be edited here" in answer.text
