"""Jupyter notebooks (nbformat 3 and 4): text, code, and what was put out when they ran. Nothing runs here.

Pictures stand in the page as `data:`; HTML of outputs takes the way of all HTML, so a table of pandas looks like one and a
script is gone. Widgets and JavaScript are named, not run.
"""

import base64
import json
import re
from collections.abc import Iterator

from pioche.render import ansi, highlighting, markdown, maths
from pioche.render.allowlist import clean
from pioche.render.escaping import decode, escape
from pioche.render.jobs import Links
from pioche.render.results import Notebook, Problem

_CELLS_MAX = 2_000
_OUTPUT_CHARACTERS_MAX = 200_000
_ATTACHMENT = re.compile(r"attachment:([^\s)\"'>]+)")
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")

Json = dict[str, object]


def render(source: bytes, links: Links) -> Notebook:
    try:
        data = json.loads(decode(source))
    except (ValueError, RecursionError):
        return Notebook("", problem=Problem.UNREADABLE)
    cells = _cells(data)
    if cells is None:
        return Notebook("", problem=Problem.UNREADABLE)
    language = _language(data)
    body = "\n".join(_cell(cell, language, links) for cell in cells[:_CELLS_MAX])
    return Notebook(clean(body), language)


def _cells(data: object) -> list[Json] | None:
    """Format 4 has cells; format 3 had them in worksheets."""
    if not isinstance(data, dict):
        return None
    found = data.get("cells")
    if found is None:
        sheets = data.get("worksheets")
        first = sheets[0] if isinstance(sheets, list) and sheets else None
        found = first.get("cells") if isinstance(first, dict) else None
    return [cell for cell in found if isinstance(cell, dict)] if isinstance(found, list) else None


def _language(data: Json) -> str:
    for path in (("language_info", "name"), ("kernelspec", "language")):
        value: object = data.get("metadata")
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str):
            return value[:40]
    return "python"


def _cell(cell: Json, language: str, links: Links) -> str:
    kind = cell.get("cell_type")
    text = _text(cell.get("source", cell.get("input")))
    if kind == "code":
        outputs = cell.get("outputs")
        return _code(text, language, cell.get("execution_count", cell.get("prompt_number"))) + "".join(
            _output(output, links)
            for output in (outputs if isinstance(outputs, list) else [])
            if isinstance(output, dict)
        )
    if kind == "heading":
        text = f"# {text}"
    if kind in ("markdown", "heading"):
        html = markdown.render_text(_with_attachments(text, cell.get("attachments")), links).html
        return f'<div class="nb-cell nb-markdown">{html}</div>'
    return f'<div class="nb-cell"><pre class="nb-text">{escape(text)}</pre></div>'


def _code(text: str, language: str, count: object) -> str:
    number = str(count) if isinstance(count, int) else " "
    shown = highlighting.highlight_block(text, language)
    return (
        f'<div class="nb-cell nb-code"><div class="nb-prompt">[{escape(number)}]</div>'
        f'<div class="nb-input"><pre class="md-code" tabindex="0"><code>{shown}</code></pre></div></div>'
    )


def _output(output: Json, links: Links) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return _block("nb-stream", _terminal(_text(output.get("text"))))
    if kind in ("error", "pyerr"):
        trace = output.get("traceback")
        text = "\n".join(line for line in trace if isinstance(line, str)) if isinstance(trace, list) else ""
        return _block("nb-error", _terminal(text or f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"))
    data = output.get("data")
    shown = _richest(data if isinstance(data, dict) else _of_format_3(output), links)
    return _block("nb-rich", shown) if shown else ""


def _block(kind: str, html: str) -> str:
    return f'<div class="nb-cell nb-output {kind}"><div class="nb-prompt"></div>{html}</div>'


def _terminal(text: str) -> str:
    return f'<pre class="nb-text" tabindex="0">{ansi.as_html(_cut(text))}</pre>'


def _richest(data: Json, links: Links) -> str:
    """The best of the forms in which a result was put out, among those that can be shown safely."""
    return next(_forms(data, links), "")


def _forms(data: Json, links: Links) -> Iterator[str]:
    for kind in _PICTURES:
        if kind in data and (picture := _picture(kind, _text(data[kind]))):
            yield picture
    if "text/html" in data:
        html = markdown.finish(_cut(_text(data["text/html"])), links).html
        if html.strip():
            yield f"<div>{html}</div>"
    if "text/markdown" in data:
        yield f"<div>{markdown.render_text(_cut(_text(data['text/markdown'])), links).html}</div>"
    if "text/latex" in data:
        yield maths.as_html(_text(data["text/latex"]).strip().strip("$").strip(), is_block=True)
    if "text/plain" in data:
        yield _terminal(_text(data["text/plain"]))
    if data:
        yield f'<pre class="nb-text">{escape(", ".join(sorted(data)[:5])[:200])}</pre>'


def _picture(kind: str, text: str) -> str:
    """SVG as a picture cannot run anything; it is the page's element that could."""
    if kind == "image/svg+xml" and text.lstrip().startswith("<"):
        text = base64.b64encode(text.encode(errors="replace")).decode()
    packed = "".join(text.split())
    if not packed or _NOT_BASE64.search(packed):
        return ""
    return f'<img src="data:{kind};base64,{packed}" alt="" loading="lazy" decoding="async">'


def _of_format_3(output: Json) -> Json:
    names = {
        "png": "image/png",
        "jpeg": "image/jpeg",
        "svg": "image/svg+xml",
        "html": "text/html",
        "latex": "text/latex",
    }
    names["text"] = "text/plain"
    return {kind: output[name] for name, kind in names.items() if name in output}


def _with_attachments(text: str, attachments: object) -> str:
    if not isinstance(attachments, dict):
        return text

    def address(match: re.Match[str]) -> str:
        forms = attachments.get(match[1])
        for kind in _PICTURES[:4]:
            if isinstance(forms, dict) and isinstance(forms.get(kind), str):
                return f"data:{kind};base64,{''.join(forms[kind].split())}"
        return match[0]

    return _ATTACHMENT.sub(address, text)


def _text(value: object) -> str:
    """Texts are kept whole or as a list of lines."""
    if isinstance(value, list):
        return "".join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""


def _cut(text: str) -> str:
    return text if len(text) <= _OUTPUT_CHARACTERS_MAX else text[:_OUTPUT_CHARACTERS_MAX] + "\n…"
