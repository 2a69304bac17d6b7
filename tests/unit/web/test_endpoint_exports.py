"""Files by which other systems serve what an endpoint does: from its page and by the API (issue 6, item 8)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests import encoders
from tests.databases import SqliteTemplate
from tests.local import LocalHub, User

API = "/api/endpoints/v2/endpoint/ada"
PAGE = "/endpoints/ada/mood/export"
FILES = {
    "README.md": b"---\npipeline_tag: text-classification\n---\n",
    **encoders.classifier({"good": [0, 4], "bad": [4, 0]}, ["NEGATIVE", "POSITIVE"]),
}


@pytest.fixture
def local(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[LocalHub]:
    hub = LocalHub(replace(sqlite_template.config(tmp_path / "data"), inference_external="on"))
    yield hub
    hub.close()


@pytest.fixture
def ada(local: LocalHub) -> User:
    ada = local.user("ada")
    local.create_repo(ada, "ada/mood")
    local.commit(ada, "ada/mood", FILES)
    return ada


def made(local: LocalHub, ada: User, **body: object) -> None:
    answer = local.client.post(API, token=ada.token, json={"name": "mood", "type": "private", **body})
    assert answer.status < 300, answer.text


def test_what_an_endpoint_serves_is_written_for_kserve_and_for_ray(local: LocalHub, ada: User) -> None:
    made(local, ada, model={"repository": "ada/mood", "revision": "main"})
    for address in (f"{API}/mood/export", PAGE):
        service = local.client.get(address, token=ada.token)
        assert service.status == 200
        assert service.headers["content-type"].startswith("application/yaml")
        assert yaml.safe_load(service.body)["kind"] == "InferenceService"
        config = local.client.get(f"{address}?format=ray", token=ada.token)
        assert yaml.safe_load(config.body)["applications"]
        assert local.client.get(f"{address}?format=tar", token=ada.token).status == 400
    assert (
        "attachment; filename=mood-ray.yaml"
        in local.client.get(f"{PAGE}?format=ray", token=ada.token).headers["content-disposition"]
    )
    page = local.client.get("/endpoints/ada/mood", token=ada.token)
    assert f"{PAGE}?format=kserve" in page.text


def test_who_may_not_see_an_endpoint_gets_no_file_of_it(local: LocalHub, ada: User) -> None:
    made(local, ada, model={"repository": "ada/mood", "revision": "main"})
    eve = local.user("eve")
    for address in (f"{API}/mood/export", PAGE):
        assert local.client.get(address, token=eve.token).status == 404
        assert local.client.get(address).status in (303, 401)


def test_what_a_server_outside_answers_is_no_other_systems_to_serve(local: LocalHub, ada: User) -> None:
    outside = {
        "url": "https://models.example.org/v1",
        "model": "gpt-nano",
        "task": "text-generation",
        "token": "sk-secret",
    }
    made(local, ada, external=outside)
    for form in ("kserve", "ray"):
        answer = local.client.get(f"{API}/mood/export?format={form}", token=ada.token)
        assert answer.status == 422
        assert "sk-secret" not in answer.text
