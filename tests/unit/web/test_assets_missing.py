"""A checkout in which `make assets` has not run: the hub starts and pages do less, and say so."""

import pytest

from pioche.web import assets
from tests.local import LocalHub


def test_pages_work_without_the_scripts_of_others(local: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {name: asset for name, asset in assets.load().by_name.items() if not name.startswith("vendor/")}
    bare = assets.Assets("0" * 16, ours)
    monkeypatch.setattr(assets, "load", lambda: bare)
    for path in ("/", "/models", "/docs"):
        page = local.client.get(path)
        assert page.status == 200
        assert "make assets" in page.text
        assert "/vendor/" not in page.text
    assert local.client.get("/static/0000000000000000/app.css").status == 200


def test_a_built_hub_says_nothing_of_it(local: LocalHub) -> None:
    if assets.load().are_complete:
        assert "make assets" not in local.client.get("/").text


def test_g8_robots_and_a_sitemap_of_what_is_public(local: LocalHub) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/open")
    local.create_repo(ada, "ada/closed", private=True)
    assert "Disallow: /api/" in local.client.get("/robots.txt").text
    found = local.client.get("/sitemap.xml", token=ada.token).text
    assert "<loc>http://localhost:8000/ada/open</loc>" in found
    assert "closed" not in found
    assert 'rel="canonical" href="http://localhost:8000/models"' in local.client.get("/models?sort=likes").text
