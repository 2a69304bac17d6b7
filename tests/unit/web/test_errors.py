"""The pages of errors: the right status, in the reader's language, and nothing that tells a private repo from none."""

import re

from tests.local import LocalHub

BROWSER = {"accept": "text/html,application/xhtml+xml"}


def test_a_browser_gets_a_page_and_a_client_json(local: LocalHub) -> None:
    page = local.client.get("/nothing/at/all/here", headers=BROWSER | {"accept-language": "fr"})
    assert page.status == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "Il n’y a rien ici" in page.text
    assert page.headers["x-request-id"] in page.text
    for path, headers in (("/nothing/at/all/here", {}), ("/api/nothing", BROWSER)):
        assert local.client.get(path, headers=headers).headers["content-type"].startswith("application/json")


def test_what_the_reader_sent_is_escaped(local: LocalHub) -> None:
    page = local.client.get("/nothing/at/all/%3Cscript%3Ealert(1)%3C/script%3E?q=%22%3E%3Cb%3E", headers=BROWSER)
    assert "<script>alert" not in page.text
    assert "<b>" not in page.text
    assert not re.search(r"None|undefined|\{\{", page.text)
