"""Pages of Spaces that run (ui.md P): as they are written, without an app behind them (tests/web/test_spaces.py has those)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.databases import SqliteTemplate
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

SECRET = "sesame-open-3141"


@pytest.fixture
def local(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[LocalHub]:
    hub = LocalHub(replace(sqlite_template.config(tmp_path / "data"), spaces_port=8002))
    yield hub
    hub.close()


@pytest.fixture
def ada(local: LocalHub) -> Visitor:
    local.hub.directory.create_user("ada", password=PASSWORD)
    visitor = Visitor(local.client)
    visitor.sign_in("ada")
    return visitor


def test_p6_a_space_begins_with_a_template(local: LocalHub, ada: Visitor) -> None:
    form = ada.get("/new-space")
    assert "Chatbot" in form.text
    wrong = ada.send(form, "/new-space", owner="ada", name="talk", template="chatbot", source="ada/absent")
    assert wrong.status == 422
    assert "it has to be on this hub" in wrong.text
    made = ada.send(form, "/new-space", owner="ada", name="hello", template="blank")
    assert made.status == 200
    assert "Open it alone" in made.text
    tree = local.client.get("/api/spaces/ada/hello/tree/main")
    assert {row["path"] for row in tree.json()} >= {"app.py", "README.md"}


def test_p1_p2_the_app_is_in_a_frame_of_its_own_origin(local: LocalHub, ada: Visitor) -> None:
    ada.send(ada.get("/new-space"), "/new-space", owner="ada", name="hello", template="blank")
    page = local.client.get("/spaces/ada/hello/app", headers={"host": "localhost:8000"})
    assert page.status == 200
    origin = "http://ada-hello.localhost:8002"
    assert f'src="{origin}/"' in page.text
    assert f"frame-src 'self' {origin};" in page.headers["content-security-policy"]
    assert f'camera=(self "{origin}")' in page.headers["permissions-policy"]
    assert "allow-same-origin" in page.text
    assert "Stopped" in page.text
    assert "/settings/app" not in page.text
    by_address = local.client.get("/spaces/ada/hello/app", headers={"host": "127.0.0.1:8000"})
    assert origin in by_address.text
    card = local.client.get("/spaces/ada/hello")
    assert "/spaces/ada/hello/app" in card.text


def test_p4_p7_how_it_runs_is_for_who_manages_it_and_secrets_are_shown_to_nobody(local: LocalHub, ada: Visitor) -> None:
    ada.send(ada.get("/new-space"), "/new-space", owner="ada", name="hello", template="blank", visibility="private")
    address = "/spaces/ada/hello/settings/app"
    page = ada.get(address)
    assert "CPU basic" in page.text
    for fields in (
        {"do": "variable", "name": "COLOUR", "value": "blue", "description": "of the page"},
        {"do": "secret", "name": "KEY", "value": SECRET},
        {"do": "sleep", "sleep": "300"},
        {"do": "hardware", "hardware": "cpu-basic"},
        {"do": "pause"},
    ):
        page = ada.send(page, address, **fields)
        assert page.status == 200, page.text
    assert "blue" in page.text
    assert "KEY" in page.text
    assert SECRET not in page.text
    assert "Paused" in page.text
    wrong = ada.send(page, address, do="variable", name="1", value="x")
    assert wrong.status == 422
    assert "is no name of a variable" in wrong.text
    page = ada.send(page, address, do="delete:KEY")
    assert "KEY" not in page.text
    framed = ada.get("/spaces/ada/hello/app")
    assert "__sign=" in framed.text
    for path in ("/app", "/logs", "/settings/app"):
        assert local.client.get(f"/spaces/ada/hello{path}").status in (303, 401, 404)
    assert "Nothing was said yet" in ada.get("/spaces/ada/hello/logs").text
