"""What a letter becomes, and that nobody adds a header or a recipient to it."""

import pytest

from pioche.errors import AddressRefused
from pioche.mail.message import Letter, Part, message

EVIL = "Hello\r\nBcc: eve@example.org\r\n\r\nand\x00 more\u2028"


def letter(**values: object) -> Letter:
    common = {"to": "ada@example.org", "language": "en", "subject": "Hello", "parts": (), "footer": "Because."}
    return Letter(**{**common, **values})  # type: ignore[arg-type]  # of the fields' own types


def test_it_says_the_same_in_text_and_in_html() -> None:
    parts = (
        Part("A paragraph <b>."),
        Part("two\nlines", is_quote=True),
        Part("Look at it", url="https://hub.example.org/x?a=1&b=2"),
    )
    made = message(letter(parts=parts, language="fr"), sender="hub@example.org", host="hub.example.org")
    plain, html = made.get_body(("plain",)), made.get_body(("html",))
    assert plain is not None
    assert html is not None
    text = plain.get_content()
    assert text.startswith("A paragraph <b>.\n\n> two\n> lines\n\nLook at it:\nhttps://hub.example.org/x?a=1&b=2\n")
    assert text.rstrip().endswith("-- \nBecause.")
    assert "<p>A paragraph &lt;b&gt;.</p>" in html.get_content()
    assert '<a href="https://hub.example.org/x?a=1&amp;b=2">Look at it</a>' in html.get_content()
    assert '<html lang="fr">' in html.get_content()
    assert made["Auto-Submitted"] == "auto-generated"
    assert str(made["From"]) == "Pioche <hub@example.org>"


def test_what_people_wrote_adds_no_header() -> None:
    made = message(
        letter(subject=EVIL, parts=(Part(EVIL),), footer=EVIL), sender="hub@example.org", host="hub.example.org"
    )
    assert made["Subject"] == "Hello Bcc: eve@example.org and more"
    head = made.as_bytes().partition(b"\r\n\r\n")[0]
    assert made["Bcc"] is None
    assert b"\r\nBcc" not in head
    assert head.count(b"\r\nTo: ") == 1


def test_a_long_subject_in_any_script_is_one_header_and_ends() -> None:
    made = message(letter(subject="é漢🔥" * 400), sender="hub@example.org", host="hub.example.org")
    assert len(made["Subject"]) == 200
    assert made["Subject"].endswith("…")
    assert all(len(line) < 998 for line in made.as_bytes().split(b"\r\n"))


@pytest.mark.parametrize(
    "address",
    [
        "", "ada", "@example.org", "ada@", "ada@example.org\r\nBcc: eve@example.org", "ada@example.org, eve@example.org",
        "Ada <ada@example.org>", "ada@example.org>", "a b@example.org", "ada@example.org;eve@example.org", "ada@" + "x" * 300,
    ],
)  # fmt: skip
def test_what_is_not_exactly_one_address_gets_nothing(address: str) -> None:
    with pytest.raises(AddressRefused):
        message(letter(to=address), sender="hub@example.org", host="hub.example.org")


def test_addresses_of_other_scripts() -> None:
    made = message(letter(to="ada@bücher.example"), sender="hub@example.org", host="hub.example.org")
    assert made["To"].addresses[0].addr_spec == "ada@xn--bcher-kva.example"


def test_letters_of_a_thread_are_told_to_be_one_and_may_be_ended() -> None:
    made = message(
        letter(id="thread-2", thread="thread", list_id="words.ada", unsubscribe="https://hub.example.org/u?k=1"),
        sender="hub@example.org",
        host="hub.example.org",
    )
    assert made["Message-ID"] == "<thread-2@hub.example.org>"
    assert made["References"] == made["In-Reply-To"] == "<thread@hub.example.org>"
    assert made["List-Id"] == "<words.ada.hub.example.org>"
    assert made["List-Unsubscribe"] == "<https://hub.example.org/u?k=1>"
    assert made["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
