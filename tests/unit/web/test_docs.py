"""The documentation in the hub (ui.md X1), and the description of its API."""

import re

import pytest

from pioche.web import docs
from tests.local import LocalHub


@pytest.mark.parametrize("language", ["en", "fr"])
def test_x1_every_chapter_with_this_hosts_address(local: LocalHub, language: str) -> None:
    headers = {"accept-language": language}
    for chapter in docs.chapters(language):
        page = local.client.get(f"/docs/{chapter.name}", headers=headers)
        assert page.status == 200
        assert f"<h1>{chapter.title}</h1>" in page.text
        assert "{{host}}" not in page.text
    assert "export HF_ENDPOINT=http://localhost:8000" in local.client.get("/docs", headers=headers).text
    assert local.client.get("/docs/absent").status == 404


def test_x1_both_languages_have_the_same_chapters_and_commands() -> None:
    english, french = docs.chapters("en"), docs.chapters("fr")
    assert [chapter.name for chapter in english] == [chapter.name for chapter in french]
    for one, other in zip(english, french, strict=True):
        assert one.text.count("```") == other.text.count("```")


def test_x1_the_documentation_is_searched_without_accents(local: LocalHub) -> None:
    found = local.client.get("/docs?q=metadonnees", headers={"accept-language": "fr"})
    assert 'href="/docs/cards"' in found.text
    assert "Nothing found" in local.client.get("/docs?q=zzzz").text


def test_x1_openapi_names_every_route_once_and_no_page(local: LocalHub) -> None:
    found = local.client.get("/.well-known/openapi.json").json()
    assert found["openapi"] == "3.1.0"
    assert found["servers"] == [{"url": "http://localhost:8000"}]
    assert "get" in found["paths"]["/api/{type}/{namespace}/{repo}"]
    assert found["paths"]["/api/repos/create"]["post"]["security"] == [{"token": []}]
    assert not any(path.startswith(("/settings", "/new", "/docs")) for path in found["paths"])
    ids = [operation["operationId"] for path in found["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))
    for path, operations in found["paths"].items():
        for operation in operations.values():
            assert {parameter["name"] for parameter in operation["parameters"]} == set(re.findall(r"\{(\w+)\}", path))
