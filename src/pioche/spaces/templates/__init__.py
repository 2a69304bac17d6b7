"""What a new Space may begin with: apps that run as they are, each in a folder beside this file."""

import html
import json
from dataclasses import dataclass
from importlib.resources import files as packaged

from pioche.errors import BadRequest
from pioche.i18n.texts import lazy as _
from pioche.names import RepoType

_SOURCE, _TITLE = "__SOURCE__", "__TITLE__"


@dataclass(frozen=True, slots=True)
class Template:
    """`name` is its folder. `needs` is the kind of repo that it is about, `tasks` those of the models that it can ask."""

    name: str
    sdk: str
    emoji: str
    title: str
    sentence: str
    needs: RepoType | None = None
    tasks: tuple[str, ...] = ()


TEMPLATES = (
    Template("blank", "gradio", "👋", _("Blank"), _("An app of ten lines that greets.")),
    Template(
        "chatbot", "gradio", "💬", _("Chatbot"), _("A chat with a model of this hub."),
        RepoType.MODEL, ("text-generation", "image-text-to-text"),
    ),
    Template(
        "image-classifier", "gradio", "🖼️", _("Image classifier"), _("Says what is on a picture, with a model of this hub."),
        RepoType.MODEL, ("image-classification",),
    ),
    Template(
        "dashboard", "streamlit", "📊", _("Dashboard"), _("Tables and plots of a dataset of this hub."), RepoType.DATASET
    ),
    Template(
        "in-browser", "static", "🌐", _("In the browser"), _("A page on which the visitor’s own browser runs a model."),
        RepoType.MODEL, ("text-classification",),
    ),
)  # fmt: skip


def named(name: str) -> Template:
    """Raises BadRequest."""
    for template in TEMPLATES:
        if template.name == name:
            return template
    raise BadRequest(f"There is no template {name[:40]!r}; there are {', '.join(one.name for one in TEMPLATES)}")


def files(template: Template, title: str, source: str = "") -> dict[str, bytes]:
    """By path. `source` is the model or dataset that it is about. Raises BadRequest where it needs one."""
    if template.needs and not source:
        raise BadRequest(f"The template {template.name} needs a {template.needs.value} of this hub")
    found = {"README.md": _card(template, title, source)}
    for entry in (packaged(__name__) / template.name).iterdir():
        if entry.is_file():
            text = entry.read_text(encoding="utf-8").replace(_SOURCE, source)
            found[entry.name] = text.replace(_TITLE, html.escape(title))
    return {path: text.encode() for path, text in found.items()}


def _card(template: Template, title: str, source: str) -> str:
    app = "index.html" if template.sdk == "static" else "app.py"
    lines = [
        f"title: {json.dumps(title, ensure_ascii=False)}",
        f"emoji: {template.emoji}",
        "colorFrom: blue",
        "colorTo: purple",
        f"sdk: {template.sdk}",
        f"app_file: {app}",
    ]
    if template.needs:
        lines += [f"{template.needs.plural}:", f"- {source}"]
    return "\n".join(["---", *lines, "---", "", f"# {' '.join(title.split())}", ""])
