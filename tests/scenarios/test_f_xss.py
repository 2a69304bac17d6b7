"""F-XSS-1 and F-XSS-2 without a browser: what leaves the renderer holds nothing that could run, cover, or call elsewhere.

tests/web/test_f_xss.py shows the same corpus to Chromium.
"""

import html
import json
import re
from html.parser import HTMLParser

import pytest

from pioche.render import highlighting, markdown, notebooks
from pioche.render.allowlist import ID_PREFIX, TAGS
from pioche.render.ansi import as_html
from pioche.render.jobs import Links
from tests.hostile import SHORT, TEXTS

LINKS = Links("/ada/model", "main", host="https://hub.example")
_FETCHES = {"src", "poster", "srcset", "data", "background", "formaction", "action"}


class Inspector(HTMLParser):
    """Collects what must not be there."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults = list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            self._attribute(tag, name, value or "")

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on") or name in ("style", "name", "target", "srcset", "srcdoc", "is", "slot", "popover"):
            self.faults.append(f"{tag} {name}={value}")
        if name == "id" and not value.startswith(ID_PREFIX):
            self.faults.append(f"id={value}")
        if name in _FETCHES and not re.match(r"/(?![/\\])|data:image/", value):
            self.faults.append(f"{tag} {name}={value}")
        if name == "href" and not re.match(r"(?:https?://|mailto:|#|/(?![/\\]))", value, re.IGNORECASE):
            self.faults.append(f"{tag} href={value}")
        if name == "class" and {"site-header", "button", "skip-link"} & set(value.split()):
            self.faults.append(f"class={value}")


def faults(text: str) -> list[str]:
    inspector = Inspector()
    inspector.feed(text)
    inspector.close()
    return inspector.faults


def test_f_xss_1_the_corpus_is_as_large_as_it_should_be() -> None:
    assert len(TEXTS) >= 300
    assert faults("<img src=x onerror=y>")
    assert faults('<a href="javascript:x">')


def test_f_xss_1_markdown() -> None:
    wrong = {text: found for text in TEXTS if (found := faults(markdown.render(text.encode(), LINKS).html))}
    assert wrong == {}


def test_f_xss_1_all_of_it_together() -> None:
    for separator in ("\n\n", "", " ", "\n> "):
        assert faults(markdown.render(separator.join(TEXTS).encode(), LINKS).html) == []


def test_f_xss_1_notebooks() -> None:
    outputs = [
        {"output_type": "display_data", "data": {kind: text}}
        for text in TEXTS
        for kind in ("text/html", "text/markdown")
    ]
    outputs += [
        {"output_type": "display_data", "data": {kind: text}}
        for text in SHORT
        for kind in ("text/latex", "text/plain", "image/svg+xml", "image/png", "application/javascript", text)
    ]
    outputs += [{"output_type": "stream", "text": text} for text in SHORT]
    outputs += [{"output_type": "error", "ename": text, "evalue": text, "traceback": [text]} for text in SHORT]
    cells = [{"cell_type": "markdown", "source": text} for text in SHORT]
    cells += [{"cell_type": text, "source": text} for text in SHORT]
    cells.append({"cell_type": "code", "source": SHORT[0], "execution_count": SHORT[0], "outputs": outputs})
    for language in SHORT:
        source = {"cells": cells, "metadata": {"language_info": {"name": language}}}
        shown = notebooks.render(json.dumps(source).encode(), LINKS)
        assert faults(shown.html) == []
        source["cells"] = cells[:1]


@pytest.mark.parametrize("text", SHORT)
def test_f_xss_1_code_diffs_and_terminals(text: str) -> None:
    for name in ("a.html", "a.py", "a.xyz", f"{text}.py"):
        for line in highlighting.highlight(text.encode(), name).lines:
            assert faults(line) == []
            assert html.unescape(re.sub(r"<[^>]*>", "", line)) == text
    assert faults(as_html(f"\x1b[31m{text}\x1b[{text}m{text}\x1b]8;;{text}\x07{text}")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[x](a/b.md)", "/ada/model/blob/main/a/b.md"),
        ("[x](../../../etc/passwd)", "/ada/model/blob/main/etc/passwd"),
        ("[x](%2e%2e/%2e%2e/x)", "/ada/model/blob/main/x"),
        ("[x](docs/)", "/ada/model/tree/main/docs"),
        ("[x](/ada/other)", "/ada/other"),
        (r'<a href="\\evil.example">x</a>', "https://evil.example"),
        ("[x](//evil.example)", "https://evil.example"),
        ("[x](https://hub.example/ada/x?y=1#z)", "/ada/x?y=1#z"),
        ("[x](https://hub.example.evil/x)", "https://hub.example.evil/x"),
        ("[x](https://hub.example//evil.example)", "/evil.example"),
        ("[x](https://huggingface.co/ada/model/blob/main/a.py)", "/ada/model/blob/main/a.py"),
        ("[x](https://huggingface.co/ada/modelling)", "https://huggingface.co/ada/modelling"),
        ("[x](#Some-Heading)", "#md-Some-Heading"),
        ("[x](?a=1)", "/ada/model/tree/main?a=1"),
        ("![x](https://huggingface.co/ada/model/blob/main/a.png)", "/ada/model/resolve/main/a.png"),
        ("![x](a.png)", "/ada/model/resolve/main/a.png"),
    ],
)
def test_links_lead_where_they_say(text: str, expected: str) -> None:
    shown = markdown.render(text.encode(), LINKS).html
    assert f'="{html.escape(expected)}"' in shown, shown
