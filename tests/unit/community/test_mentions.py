"""What in a comment is a mention, and what only looks like one."""

import pytest

from pioche.render.jobs import Links, Mentions
from pioche.render.markdown import comment

LINKS = Links("/ada/words", "main", host="https://hub.example.org")
MENTIONS = Mentions({"ada": "/ada", "Bob": "/bob"}, (1, 12))


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("@ada", ["/ada"]),
        ("(@ada, @Bob!)", ["/ada", "/bob"]),
        ("@eve", []),
        ("ada@ada", []),
        ("x/@ada", []),
        ("`@ada` and `#1`", []),
        ("```\n@ada\n```", []),
        ("[@ada](/elsewhere)", ["/elsewhere"]),
        ("#1 #12 #13", ["/ada/words/discussions/1", "/ada/words/discussions/12"]),
        ("#1a #01 word#1", []),
        ("&#64;ada", ["/ada"]),
        ("**@ada**", ["/ada"]),
        ("<b>@ada</b>", ["/ada"]),
        ("as in bob/nouns#7.", ["/bob/nouns/discussions/7"]),
        ("(datasets/bob/d.1#7, #12)", ["/datasets/bob/d.1/discussions/7", "/ada/words/discussions/12"]),
        ("models/bob/nouns#7 spaces/bob/s#8", ["/bob/nouns/discussions/7", "/spaces/bob/s/discussions/8"]),
        ("@ada: bob/nouns#7 @Bob", ["/ada", "/bob/nouns/discussions/7", "/bob"]),
        ("never/was#7", ["/never/was/discussions/7"]),
        ("api/models#7 a--b/c#7 bob/x.git#7 a/b/c#7 bob/n#07 bob/n#7a `bob/n#7` datasets/d#7", []),
        ("[bob/n#7](/elsewhere)", ["/elsewhere"]),
    ],
)
def test_mentions_are_links_where_a_word_begins(text: str, addresses: list[str]) -> None:
    html = comment(text, LINKS, MENTIONS).html
    assert [part.partition('"')[0] for part in html.split('href="')[1:]] == addresses, html


def test_nothing_in_a_comment_has_an_id() -> None:
    html = comment("# Title\n\n<p id=x>y</p>\n\nnote[^1]\n\n[^1]: here", LINKS, Mentions()).html
    assert " id=" not in html
    assert "<h3>Title</h3>" in html


def test_a_name_cannot_bring_html_with_it() -> None:
    html = comment("@ada", LINKS, Mentions({"ada": '/"><script>x</script>'})).html
    assert "<script" not in html
