"""The last step of everything that becomes HTML: what is not on these lists does not leave the package.

The lists are short on purpose. No `style`, `form`, `input`, `iframe`, `svg`; no attribute that runs, frames, covers or names
(`name`, and ids without our prefix, could shadow what scripts find on `document`); classes only of our own renderer;
pictures and media only from this host, since nothing a page shows may make a browser call another one.
"""

import re
from collections.abc import Callable
from typing import Final

import nh3

from pioche.render.highlighting import CLASSES

ID_PREFIX: Final = "md-"

_TEXT_TAGS = """
    a abbr b bdi bdo blockquote br caption center cite code col colgroup dd del details dfn div dl dt em figcaption figure
    h1 h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre q rp rt ruby s samp section small span strike strong sub summary sup
    table tbody td tfoot th thead time tr tt u ul var wbr
""".split()
_MEDIA_TAGS = ("img", "picture", "video", "audio")
_MATH_TAGS = """
    math menclose merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow mspace msqrt mstyle msub
    msubsup msup mtable mtd mtext mtr munder munderover none
""".split()
_MATH_ATTRIBUTES = """
    accent columnalign columnlines columnspacing depth display displaystyle fence height largeop linethickness lspace
    mathvariant maxsize minsize movablelimits notation rowlines rowspacing rspace scriptlevel separator stretchy symmetric
    voffset width
""".split()

TAGS: Final = frozenset({*_TEXT_TAGS, *_MEDIA_TAGS, *_MATH_TAGS})
# Gone with what is in them; of other tags that are not allowed the text stays.
_HOLLOW = frozenset(
    ("script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "title", "xmp", "select")
)

ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": {"id", "title", "lang", "dir"},
    "a": {"href", "aria-label", "aria-hidden", "tabindex"},
    "img": {"src", "alt", "width", "height", "align", "loading", "decoding"},
    "video": {"src", "poster", "width", "height", "controls", "loop", "muted", "preload"},
    "audio": {"src", "controls", "loop", "preload"},
    "ol": {"start", "reversed", "type"},
    "li": {"value"},
    "details": {"open"},
    "time": {"datetime"},
    "td": {"align", "valign", "colspan", "rowspan"},
    "th": {"align", "valign", "colspan", "rowspan", "scope"},
    "div": {"align", "role", "tabindex", "aria-label"},
    "pre": {"tabindex"},
    "span": {"role", "aria-label"},
    **{tag: {"align"} for tag in ("p", "table", "tr", "col", "h1", "h2", "h3", "h4", "h5", "h6", "figure", "hr")},
    **{tag: set(_MATH_ATTRIBUTES) for tag in _MATH_TAGS},
}

_OURS = {
    "a": {"md-anchor", "md-remote", "footnote-backref"},
    "div": {"md-table", "md-alert", "md-math", "md-note", "md-note-tip", "md-note-important", "md-note-warning"}
    | {"md-note-caution", "nb-cell", "nb-markdown", "nb-code", "nb-input", "nb-output", "nb-error", "nb-prompt"}
    | {"nb-stream", "nb-rich"},
    "p": {"md-note-title"},
    "pre": {"md-code", "md-mermaid", "md-plain", "nb-text"},
    "code": {"md-math-source"},
    "img": {"md-light-only", "md-dark-only"},
    "li": {"task-list-item", "footnote-item"},
    "ul": {"contains-task-list"},
    "ol": {"contains-task-list", "footnotes-list"},
    "section": {"footnotes"},
    "hr": {"footnotes-sep"},
    "sup": {"footnote-ref"},
    "span": {"md-box", "md-box-done", "md-lang"}
    | {f"ansi-{kind}{number}" for kind in ("fg", "bg") for number in range(16)}
    | {"ansi-bold", "ansi-faint", "ansi-italic", "ansi-underline", "ansi-strike"}
    | CLASSES,
}

_SIZE = re.compile(r"\d{1,4}(?:\.\d{1,2})?(?:px|%|em|ex|rem)?\Z")
_SPAN = re.compile(r"[1-9]\d{0,2}\Z")
_NUMBER = re.compile(r"-?\d{1,9}\Z")
_OWN_ID = re.compile(rf"{ID_PREFIX}[\w.:-]{{1,120}}\Z")
_LOCAL = re.compile(r"/(?![/\\])[^\x00-\x20\\]*\Z")
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=]+\Z")
_LINK = re.compile(r"(?:https?://|mailto:|#|/(?![/\\]))[^\x00-\x20]*\Z", re.IGNORECASE)
_MATH_VALUE = re.compile(r"[\w .%+#-]{0,40}\Z")
_ALIGNMENTS = frozenset(("left", "right", "center", "justify", "top", "middle", "bottom", "baseline"))
_ROLES = frozenset(("region", "img", "note"))


def clean(html: str) -> str:
    """HTML that may be put into a page. The parser is the browsers' own algorithm (html5ever)."""
    return _cleaner.clean(html)


def tidy(html: str) -> str:
    """The first step: as `clean`, but for the values of attributes, which are about to be rewritten."""
    return _tidier.clean(html)


def _kept(tag: str, name: str, value: str) -> str | None:
    """The value of an allowed attribute, or None where this value is not allowed."""
    if tag in _MATH:
        return value if _MATH_VALUE.match(value) or name == "display" else None
    check = _CHECKS.get(name)
    return value if check is None or check(value) else None


def is_picture_here(address: str) -> bool:
    """Whether a picture or film may be shown: a path of this host, or a picture that is in the page itself."""
    return bool(_LOCAL.match(address) or _PICTURE.match(address))


_MATH = frozenset(_MATH_TAGS)
_CHECKS: dict[str, Callable[[str], bool]] = {
    "id": lambda value: bool(_OWN_ID.match(value)),
    "href": lambda value: bool(_LINK.match(value)),
    "src": is_picture_here,
    "poster": is_picture_here,
    "width": lambda value: bool(_SIZE.match(value)),
    "height": lambda value: bool(_SIZE.match(value)),
    "colspan": lambda value: bool(_SPAN.match(value)),
    "rowspan": lambda value: bool(_SPAN.match(value)),
    "start": lambda value: bool(_NUMBER.match(value)),
    "value": lambda value: bool(_NUMBER.match(value)),
    "align": lambda value: value.lower() in _ALIGNMENTS,
    "valign": lambda value: value.lower() in _ALIGNMENTS,
    "role": lambda value: value in _ROLES,
    "tabindex": lambda value: value in ("0", "-1"),
    "dir": lambda value: value.lower() in ("ltr", "rtl", "auto"),
    "lang": lambda value: value.isascii() and len(value) < 20,
}


def _new_cleaner(attribute_filter: Callable[[str, str, str], str | None] | None) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(TAGS),
        clean_content_tags=set(_HOLLOW),
        attributes=ATTRIBUTES,
        attribute_filter=attribute_filter,
        allowed_classes=_OURS,
        link_rel="nofollow noopener noreferrer",
        url_schemes={"http", "https", "mailto", "data"},
        strip_comments=True,
    )


_cleaner = _new_cleaner(_kept)
_tidier = _new_cleaner(None)
