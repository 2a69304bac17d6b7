"""XML as others sent it. Whatever two readers may understand differently is refused before it is read: a DTD and entities,
comments inside a name, processing instructions, CDATA, an id that stands twice."""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from pioche.errors import SignInFailed

BYTES_MAX = 192 * 1024
_NODES_MAX = 5000
_DEPTH_MAX = 30
_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^?<>]*\?>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ID = "ID"

PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"

Element = Any
"""Of lxml, which has no types."""


def parse(body: bytes) -> Element:
    """The root of an answer. Raises SignInFailed."""
    text = _text(body)
    if "<!" in text or "<?" in text:
        raise SignInFailed("The answer has a DTD, a comment or an instruction in it, which an answer has not")
    return _parsed(text)


def parse_metadata(text: str) -> Element:
    """As `parse`, of what an administrator pastes: comments are left out. Raises SignInFailed."""
    text = _COMMENT.sub("", _text(text.encode(errors="replace")))
    if "<!" in text or "<?" in text:
        raise SignInFailed("The metadata has a DTD or an instruction in it, which metadata has not")
    return _parsed(text)


def child(parent: Element, namespace: str, name: str) -> Element | None:
    """The one child of this name; None where there is none. Raises SignInFailed for two."""
    found = children(parent, namespace, name)
    if len(found) > 1:
        raise SignInFailed(f"The answer has {name} twice")
    return found[0] if found else None


def children(parent: Element, namespace: str, name: str) -> list[Element]:
    """Those right below: never by a search through all that is below."""
    return [one for one in parent if one.tag == f"{{{namespace}}}{name}"]


def text_of(element: Element | None) -> str:
    """Of an element that has text and nothing else; empty for none. Raises SignInFailed."""
    if element is None:
        return ""
    if len(element):
        raise SignInFailed("The answer has something else where a text is expected")
    return (element.text or "").strip()


def _text(body: bytes) -> str:
    if len(body) > BYTES_MAX:
        raise SignInFailed("This is too long")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise SignInFailed("This is not XML in UTF-8") from None
    return _DECLARATION.sub("", text).strip()


def _parsed(text: str) -> Element:
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, recover=False
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        raise SignInFailed("This is not XML that can be read") from None
    if root.getroottree().docinfo.doctype:
        raise SignInFailed("This has a DTD")
    _check(root)
    return root


def _check(root: Element) -> None:
    seen = set[str]()
    for count, (element, depth) in enumerate(_walk(root)):
        if count > _NODES_MAX or depth > _DEPTH_MAX:
            raise SignInFailed("This has more in it than can be read")
        if not isinstance(element.tag, str):  # a comment, an instruction, an entity
            raise SignInFailed("This has something else than elements in it")
        own = element.get(_ID)
        if own is not None and own in seen:
            raise SignInFailed("Two elements of the answer have the same id")
        seen.add(own)


def _walk(root: Element) -> Iterator[tuple[Element, int]]:
    waiting = [(root, 0)]
    while waiting:
        element, depth = waiting.pop()
        yield element, depth
        waiting.extend((one, depth + 1) for one in element)
