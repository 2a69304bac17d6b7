"""A checkout in which `make assets` has not run: the hub starts and pages do less, and say so."""

import base64
import hashlib
import json
import re

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


def test_a_file_of_others_that_was_changed_since_the_build_is_not_sent() -> None:
    content = b"export {};"
    ours = {"js/app.js": b"1"}
    built = {"vendor/x.js": content, "vendor/THIRD_PARTY.txt": b"x"}
    names = {name.removeprefix("vendor/"): hashlib.sha256(one).hexdigest() for name, one in built.items()}
    sound = {**ours, **built, "vendor/hashes.json": json.dumps(names).encode()}
    assert assets._as_built(sound) == sound
    assert assets._as_built({**sound, "vendor/x.js": b"alert(1)"}) == ours
    assert assets._as_built({**sound, "vendor/y.js": content}) == ours
    assert assets._as_built({**ours, **built}) == ours  # of an older build, which wrote no hashes down
    assert assets._as_built(ours) == ours


def test_tags_carry_the_hash_of_their_file(local: LocalHub) -> None:
    page = local.client.get("/models")
    tags = re.findall(r'(?:src|href)="/static/[0-9a-f]{16}/([^"]+)" integrity="sha384-([^"]+)"', page.text)
    assert {"app.css", "js/app.js", "js/facet-panel.js"} <= {name for name, _ in tags}
    for name, told in tags:
        content = local.client.get(assets.url(name)).body
        assert base64.b64encode(hashlib.sha384(content).digest()).decode() == told
    assert page.text.count("<script") == page.text.count("integrity=") - 1 + bool(assets.load().import_map)
    if assets.load().import_map:
        assert assets.load().import_map_source in page.headers["content-security-policy"]


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


def test_g8_a_card_says_once_what_others_show_of_it(local: LocalHub) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/open")
    page = local.client.get("/ada/open?show=1").text
    assert re.findall(r'rel="canonical" href="([^"]+)"', page) == ["http://localhost:8000/ada/open"]
    found = dict(re.findall(r'property="(og:\w+)" content="([^"]+)"', page))
    assert found["og:title"] == "ada/open · Pioche"
    assert found["og:url"] == "http://localhost:8000/ada/open"
    assert found["og:image"] == "http://localhost:8000/api/models/ada/open/social.png"
    assert page.count('property="og:title"') == 1


@pytest.mark.parametrize(
    ("thumbnail", "image"),
    [
        ("https://example.org/a.png", "https://example.org/a.png"),
        ("./pictures/a b.png", "http://localhost:8000/ada/seen/resolve/main/pictures/a%20b.png"),
        ("javascript:alert(1)", None),
    ],
)
def test_g8_the_picture_of_a_card_is_shown_by_others(local: LocalHub, thumbnail: str, image: str | None) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/seen")
    local.commit(ada, "ada/seen", {"README.md": f'---\nthumbnail: "{thumbnail}"\n---\n# Seen\n'.encode()})
    page = local.client.get("/ada/seen").text
    (found,) = re.findall(r'property="og:image" content="([^"]+)"', page)
    assert found == image or (image is None and found.endswith("/api/models/ada/seen/social.png"))


def test_g8_a_private_repo_has_no_picture_for_others(local: LocalHub) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/closed", private=True)
    page = local.client.get("/ada/closed", token=ada.token).text
    (found,) = re.findall(r'property="og:image" content="([^"]+)"', page)
    assert found.endswith("/icon.svg")
