"""What a new Space may begin with."""

import ast

import pytest
import yaml

from pioche.errors import BadRequest
from pioche.names import RepoType
from pioche.spaces import templates
from pioche.spaces.templates import TEMPLATES, Template

SOURCES = {None: "", RepoType.MODEL: "ada/model", RepoType.DATASET: "ada/rows"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_template_is_a_whole_app_with_its_card(template: Template) -> None:
    title = 'Démo: "a" <b>\n---'
    source = SOURCES[template.needs]
    found = templates.files(template, title, source)
    _, front, body = found["README.md"].decode().split("---\n", 2)
    card = yaml.safe_load(front)
    assert card["title"] == title
    assert card["sdk"] == template.sdk
    assert card["app_file"] in found
    assert body.strip().startswith("# Démo")
    if template.needs:
        assert card[template.needs.plural] == [source]
    assert not [
        path for path, content in found.items() if b"__" + b"SOURCE__" in content or b"__" + b"TITLE__" in content
    ]
    for path in found:
        if path.endswith(".py"):
            ast.parse(found[path])
    if template.sdk == "static":
        assert b"D\xc3\xa9mo: &quot;a&quot; &lt;b&gt;" in found["index.html"]


def test_what_a_template_is_about_has_to_be_said() -> None:
    with pytest.raises(BadRequest, match="needs a model"):
        templates.files(templates.named("chatbot"), "Chat")
    with pytest.raises(BadRequest, match="there are blank, chatbot"):
        templates.named("nothing")
