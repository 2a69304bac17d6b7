"""The front page: what this is, in two languages, with three commands for this very host."""

import pytest

from tests.local import LocalHub


@pytest.mark.parametrize(
    ("path", "accepted", "language", "words"),
    [
        ("/", "", "en", "model hub"),
        ("/", "fr-FR,fr;q=0.9,en;q=0.8", "fr", "hub de modèles"),
        ("/", "de, en;q=0.5", "en", "model hub"),
        ("/?lang=fr", "en", "fr", "hub de modèles"),
        ("/?lang=xx", "", "en", "model hub"),
    ],
)
def test_the_language_of_the_reader(local: LocalHub, path: str, accepted: str, language: str, words: str) -> None:
    page = local.client.get(path, headers={"accept-language": accepted})
    assert page.status == 200
    assert f'<html lang="{language}">' in page.text
    assert words in page.text


def test_three_commands_for_this_host(local: LocalHub) -> None:
    page = local.client.get("/").text
    assert "export HF_ENDPOINT=http://localhost:8000" in page
    assert "hf download " in page
    assert "hf upload " in page


def test_nothing_may_run_on_the_page(local: LocalHub) -> None:
    page = local.client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script" not in page.text


def test_the_files_of_the_page(local: LocalHub) -> None:
    assert local.client.get("/static/pioche.css").headers["content-type"].startswith("text/css")
    for name in ("absent.css", "..%2fpages.py", "%2e%2e%2fpages.py", "pages.py"):
        assert local.client.get(f"/static/{name}").status == 404
