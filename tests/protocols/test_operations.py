"""Health, readiness and figures: what each says, and to whom (J10, B6)."""

import shutil

import pytest

from pioche.app import PROTOCOLS
from pioche.http.kernel import Kernel
from pioche.networks import OF_SANDBOXES
from pioche.upkeep import health
from tests.asgi import Client
from tests.local import LocalHub


@pytest.fixture(autouse=True)
def _look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_REMEMBERED_SECONDS", -1.0)


def test_alive(local: LocalHub) -> None:
    answer = local.client.get("/healthz")
    assert (answer.status, answer.json()) == (200, {"status": "alive"})
    assert answer.headers["cache-control"] == "no-store"


def test_ready(local: LocalHub) -> None:
    answer = local.client.get("/readyz")
    assert (answer.status, answer.json()) == (200, {"status": "ready", "database": True, "storage": True})


def test_b6_where_nothing_can_be_written_it_is_degraded(local: LocalHub) -> None:
    shutil.rmtree(local.config.data_dir / "incoming")
    answer = local.client.get("/readyz")
    assert (answer.status, answer.json()["status"]) == (200, "degraded")


def test_without_its_database_it_is_unavailable(local: LocalHub) -> None:
    local.hub.database.close()
    for path in local.config.data_dir.glob("pioche.db*"):
        path.unlink()
    answer = local.client.get("/readyz")
    assert (answer.status, answer.json()["status"]) == (503, "unavailable")
    assert local.client.get("/healthz").status == 200


def test_a_wrong_token_is_refused_here_too(local: LocalHub) -> None:
    assert local.client.get("/healthz", token="hf_wrong").status == 401


def test_figures_are_for_this_machine(local: LocalHub) -> None:
    answer = local.client.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "pioche_requests_total" in answer.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_figures_are_not_for_whoever_comes_through_a_proxy_on_this_machine(local: LocalHub, header: str) -> None:
    assert local.client.get("/metrics", headers={header: "198.51.100.1"}).status == 401


def test_figures_are_not_for_processes_in_sandboxes_on_this_machine(local: LocalHub) -> None:
    with Client(Kernel(local.hub, PROTOCOLS), client=OF_SANDBOXES) as inside:
        assert inside.get("/metrics").status == 401


def test_figures_elsewhere_are_for_administrators(local: LocalHub) -> None:
    ada = local.user("ada")
    root = local.hub.directory.create_user("root-user", is_admin=True)
    admin_token = local.hub.directory.tokens.create(root, name="first")[0]
    with Client(Kernel(local.hub, PROTOCOLS), client="203.0.113.9") as elsewhere:
        statuses = [elsewhere.get("/metrics", token=token).status for token in (None, ada.token, admin_token)]
    assert statuses == [401, 403, 200]


def test_figures_name_nobody(local: LocalHub) -> None:
    ada = local.user("ada-secretive")
    local.create_repo(ada, "ada-secretive/hidden-thing", private=True)
    local.client.get("/api/models/ada-secretive/hidden-thing", token=ada.token)
    local.client.get("/ada-secretive/hidden-thing/resolve/main/no-such-file")
    text = local.client.get("/metrics").text
    for name in ("ada-secretive", "hidden-thing", "no-such-file"):
        assert name not in text
