"""The front page, and what every page has in common: language, theme, policies."""

import re

import pytest

from pioche.web import assets
from tests.local import LocalHub


@pytest.mark.parametrize(
    ("cookie", "accepted", "language", "words"),
    [
        ("", "", "en", "model hub"),
        ("", "fr-FR,fr;q=0.9,en;q=0.8", "fr", "hub de modèles"),
        ("", "de, en;q=0.5", "en", "model hub"),
        ("", "en;q=0.3, fr;q=0.8", "fr", "hub de modèles"),
        ("pioche-language=fr", "en", "fr", "hub de modèles"),
        ("pioche-language=xx", "", "en", "model hub"),
    ],
)
def test_the_language_of_the_reader(local: LocalHub, cookie: str, accepted: str, language: str, words: str) -> None:
    page = local.client.get("/", headers={"accept-language": accepted, "cookie": cookie})
    assert page.status == 200
    assert f'<html lang="{language}"' in page.text
    assert page.headers["content-language"] == language
    assert words in page.text


def test_a_choice_is_remembered_and_leaves_the_address(local: LocalHub) -> None:
    chosen = local.client.get("/?lang=fr&sort=likes&theme=dark")
    assert chosen.status == 303
    assert chosen.headers["location"] == "/?sort=likes"
    page = local.client.get("/", headers={"cookie": "pioche-language=fr; pioche-theme=dark"})
    assert 'lang="fr" data-theme="dark"' in page.text
    assert local.client.get("/?lang=xx&theme=pink").status == 200


def test_three_commands_for_this_host(local: LocalHub) -> None:
    page = local.client.get("/").text
    assert "export HF_ENDPOINT=http://localhost:8000" in page
    assert "hf download " in page
    assert "hf upload " in page


def test_only_scripts_of_ours_run_on_the_page(local: LocalHub) -> None:
    page = local.client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'self'( 'sha256-[\w+/=]+')?;", policy)
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "private, no-cache"


def test_files_of_pages_are_kept_for_ever_by_their_digest(local: LocalHub) -> None:
    style = local.client.get(assets.url("app.css"), headers={"accept-encoding": "gzip"})
    assert style.headers["content-type"].startswith("text/css")
    assert style.headers["content-encoding"] == "gzip"
    assert "immutable" in style.headers["cache-control"]
    assert local.client.get("/static/0123456789abcdef/app.css").headers["cache-control"] == "no-cache"
    for name in ("absent.css", "..%2froutes.py", "%2e%2e%2froutes.py", "js"):
        assert local.client.get(assets.url(name)).status == 404
