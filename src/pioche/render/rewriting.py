"""From clean HTML of strangers to clean HTML of ours: addresses that lead here, headings with anchors, tables that scroll.

Works on what `allowlist.clean` gave, which is well formed, and its output is cleaned again: nothing here is relied on for
safety.
"""

import re
from html.parser import HTMLParser

from pioche.errors import InvalidName
from pioche.names import RepoId, RepoType
from pioche.render import addresses
from pioche.render.allowlist import ID_PREFIX
from pioche.render.escaping import escape
from pioche.render.jobs import Links, Mentions
from pioche.render.results import Heading

_VOID = frozenset(("br", "col", "hr", "img", "wbr"))
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_MARKS = re.compile(r"[^\w\- ]+")
_ONE_THEME = re.compile(r"#hf-(light|dark)-mode-only\Z")
_HEADINGS_MAX = 300
_CODE = frozenset(("code", "pre"))
MENTION = re.compile(r"(?<![\w/@#&.-])(?:@([A-Za-z0-9_](?:[A-Za-z0-9_-]{0,95}))|#([1-9][0-9]{0,8})(?![\w-]))")
"""`@name` and `#12`, where a word begins."""
_THREAD = re.compile(
    r"(?<![\w/@#&.:-])((?:models|datasets|spaces)/)?([\w-]{1,96}/[\w.-]{1,96})#([1-9][0-9]{0,8})(?![\w-])", re.ASCII
)
"""`owner/repo#12`, `datasets/owner/repo#12`: a thread of any repo."""
Attributes = list[tuple[str, str | None]]


class Rewriter(HTMLParser):
    """Feed it once; then read `html` and `headings`."""

    def __init__(self, links: Links) -> None:
        super().__init__(convert_charrefs=True)
        self._links = links
        self._out = list[str]()
        self._ids = set[str]()
        self._slugs: dict[str, int] = {}
        self._heading: tuple[int, int] | None = None  # level, and where in `_out` its opening tag is
        self._heading_text = list[str]()
        self._link_depth = 0
        self.headings = list[Heading]()

    @property
    def html(self) -> str:
        return "".join(self._out)

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        kept = [(name, value or "") for name, value in attrs]
        if tag in _HEADINGS:
            self._open_heading(_HEADINGS[tag], kept)
        elif tag == "a":
            self._link_depth += 1
            self._open(tag, self._with_href(kept))
        elif tag in ("img", "video", "audio"):
            self._media(tag, kept)
        elif tag == "table":
            self._out.append('<div class="md-table" tabindex="0">')
            self._open(tag, kept)
        else:
            self._open(tag, kept)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID or tag in ("video", "audio"):
            return
        if tag in _HEADINGS:
            self._close_heading(_HEADINGS[tag])
            return
        if tag == "a":
            self._link_depth = max(0, self._link_depth - 1)
        self._out.append(f"</{tag}>" + ("</div>" if tag == "table" else ""))

    def handle_data(self, data: str) -> None:
        if self._heading is not None:
            self._heading_text.append(data)
        self._out.append(escape(data))

    # --- parts ---

    def _open(self, tag: str, attributes: list[tuple[str, str]]) -> None:
        kept = [(name, value) for name, value in attributes if name != "id"]
        named = next((value for name, value in attributes if name == "id"), "")
        if named and (own := self._own_id(named)):
            kept.append(("id", own))
        written = "".join(f' {name}="{escape(value)}"' for name, value in kept)
        self._out.append(f"<{tag}{written}>")

    def _own_id(self, name: str) -> str | None:
        """Every id once; a second one of the same name would lead nowhere."""
        found = name if name.startswith(ID_PREFIX) else addresses.anchor(name)
        if found in self._ids:
            return None
        self._ids.add(found)
        return found

    def _with_href(self, attributes: list[tuple[str, str]]) -> list[tuple[str, str]]:
        kept = [(name, value) for name, value in attributes if name not in ("href", "rel")]
        href = next((value for name, value in attributes if name == "href"), None)
        target = addresses.link(href, self._links) if href is not None else None
        return [*kept, ("href", target.address)] if target else kept

    def _media(self, tag: str, attributes: list[tuple[str, str]]) -> None:
        values = dict(attributes)
        src = values.pop("src", "")
        target = addresses.media(src, self._links) if src else None
        if target is None or not target.is_here:
            self._instead(target.address if target else "", values.get("alt") or values.get("title") or "")
            return
        theme = _ONE_THEME.search(target.address)
        if theme:
            values["class"] = f"md-{theme[1]}-only"
        values["src"] = target.address
        if tag == "img":
            values |= {"alt": values.get("alt", ""), "loading": "lazy", "decoding": "async"}
            self._open(tag, list(values.items()))
            return
        poster = values.pop("poster", "")
        picture = addresses.media(poster, self._links) if poster else None
        if picture and picture.is_here:
            values["poster"] = picture.address
        self._open(
            tag, [*((n, v) for n, v in values.items() if n != "controls"), ("controls", ""), ("preload", "none")]
        )
        self._out.append(f"</{tag}>")

    def _instead(self, address: str, text: str) -> None:
        """What lies on another host is not fetched by looking at a page: it becomes a link, or its name in a link."""
        shown = escape(text or address.partition("://")[2][:80])
        if address and not self._link_depth:
            self._out.append(f'<a class="md-remote" href="{escape(address)}">{shown}</a>')
        else:
            self._out.append(f"<span>{shown}</span>")

    def _open_heading(self, level: int, attributes: list[tuple[str, str]]) -> None:
        self._heading = (level, len(self._out))
        self._heading_text = []
        align = "".join(f' {name}="{escape(value)}"' for name, value in attributes if name == "align")
        self._out.append(align)

    def _close_heading(self, level: int) -> None:
        """A page has a title of its own, so a text's first level is the page's second."""
        if self._heading is None:
            return
        (_, position), self._heading = self._heading, None
        text = " ".join("".join(self._heading_text).split())
        shown = f"h{min(level + 1, 6)}"
        name = addresses.anchor(self._slug(text))
        self._ids.add(name)
        self._out[position] = f'<{shown} id="{escape(name)}"{self._out[position]}>'
        self._out.append(
            f'<a class="md-anchor" href="#{escape(name)}" aria-hidden="true" tabindex="-1">#</a></{shown}>'
        )
        if text and len(self.headings) < _HEADINGS_MAX:
            self.headings.append(Heading(level, text[:200], name))

    def _slug(self, text: str) -> str:
        """As the public Hub and GitHub make them, so that links inside a card keep working."""
        slug = _MARKS.sub("", text.strip().lower()).replace(" ", "-")[:100] or "section"
        seen = self._slugs.get(slug, 0)
        self._slugs[slug] = seen + 1
        return f"{slug}-{seen}" if seen else slug


class CommentRewriter(Rewriter):
    """As Rewriter, for one of many comments on a page: no ids, no anchors, and `mentions` are links."""

    def __init__(self, links: Links, mentions: Mentions) -> None:
        super().__init__(links)
        self._mentions = mentions
        self._code_depth = 0

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        self._code_depth += tag in _CODE
        super().handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._code_depth = max(0, self._code_depth - (tag in _CODE))
        super().handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if self._code_depth or self._link_depth:
            self._out.append(escape(data))
            return
        done = 0
        for found, address in self._spoken_of(data):
            if address is not None:
                self._out.append(escape(data[done : found.start()]))
                self._out.append(f'<a href="{escape(address)}">{escape(found[0])}</a>')
                done = found.end()
        self._out.append(escape(data[done:]))

    def _spoken_of(self, data: str) -> list[tuple[re.Match[str], str | None]]:
        """In the order of the text; the two never overlap: a name before `#` or `/` before `@` is no mention."""
        both = [(found, self._address(found)) for found in MENTION.finditer(data)]
        both += [(found, _thread(found)) for found in _THREAD.finditer(data)]
        return sorted(both, key=lambda one: one[0].start())

    def _address(self, found: re.Match[str]) -> str | None:
        if found[1]:
            return self._mentions.people.get(found[1])
        return f"{self._links.repo}/discussions/{found[2]}" if int(found[2]) in self._mentions.numbers else None

    def _own_id(self, name: str) -> str | None:
        return None

    def _open_heading(self, level: int, attributes: list[tuple[str, str]]) -> None:
        self._out.append(f"<h{min(level + 2, 6)}>")

    def _close_heading(self, level: int) -> None:
        self._out.append(f"</h{min(level + 2, 6)}>")


def _thread(found: re.Match[str]) -> str | None:
    """Whether there is such a repo is not looked at: a comment reads the same whether it names one that is private or
    one that never was."""
    try:
        repo = RepoId.parse(RepoType.parse((found[1] or "models/").rstrip("/")), found[2])
    except InvalidName:
        return None
    return f"{repo.web_path}/discussions/{found[3]}"
