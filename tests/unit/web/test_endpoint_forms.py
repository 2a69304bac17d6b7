"""Deploying what a server outside answers, by the forms of the pages (decision 46)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.databases import SqliteTemplate
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

URL = "https://models.example.org/v1"
TOKEN = "sk-of-the-other-server"
OUTSIDE = {"external_url": URL, "external_dialect": "openai", "external_token": TOKEN}


@pytest.fixture
def ada(request: pytest.FixtureRequest, sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Visitor]:
    """On a hub whose setting `inference_external` is the parameter."""
    config = sqlite_template.config(tmp_path / "data")
    hub = LocalHub(replace(config, inference_external=request.param))
    hub.hub.directory.create_user("ada", password=PASSWORD)
    visitor = Visitor(hub.client)
    visitor.sign_in("ada")
    yield visitor
    hub.close()


@pytest.mark.parametrize("ada", ["on"], indirect=True)
def test_a_server_outside_is_deployed_and_another_one_beside_it(ada: Visitor) -> None:
    page = ada.get("/endpoints/new")
    assert "A server outside of this hub answers" in page.text
    fields = {"model": "gpt-nano", "name": "outside", **OUTSIDE}
    refused = ada.send(page, "/endpoints/new", **fields, external_task="fill-mask")
    assert refused.status == 422
    assert "text-generation" in refused.text
    assert TOKEN not in refused.text
    made = ada.send(page, "/endpoints/new", **fields, external_task="text-generation")
    assert made.status == 200
    assert URL in made.text
    assert TOKEN not in made.text
    again = {**OUTSIDE, "external_url": "https://other.example.org/v1", "repository": "gpt-micro", "deployment": "v2"}
    after = ada.send(made, "/endpoints/ada/outside/change", do="deploy", steps="", **again)
    assert after.status == 200
    assert "https://other.example.org/v1" in after.text


@pytest.mark.parametrize("ada", ["off"], indirect=True)
def test_where_the_operator_has_none_there_is_no_such_form(ada: Visitor) -> None:
    page = ada.get("/endpoints/new")
    assert "external_url" not in page.text
    refused = ada.send(page, "/endpoints/new", model="m", name="outside", external_task="text-generation", **OUTSIDE)
    assert refused.status == 422
