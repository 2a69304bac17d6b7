"""The card page of models, datasets and Spaces: GET /ns/name, /datasets/ns/name, /spaces/ns/name."""

from dataclasses import dataclass

import msgspec

from pioche.errors import Corrupt, EntryNotFound, Unprocessable
from pioche.http import browsers, cookies
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Route
from pioche.names import RepoId, RepoType
from pioche.repos import info, overviews, revisions
from pioche.repos.access import Action
from pioche.repos.gating import requests
from pioche.repos.overviews import Overview
from pioche.web import layout
from pioche.web.repo import (
    gates,
    heads,
    including,
    labels,
    readmes,
    relatives,
    results,
    snippets,
    tensor_tree,
    tensors,
    uses,
    weights,
    widgets,
)
from pioche.web.rows import SENSITIVE

_TEMPLATES = {
    RepoType.MODEL: "repo/model.html",
    RepoType.DATASET: "repo/dataset.html",
    RepoType.SPACE: "repo/space.html",
    RepoType.KERNEL: "repo/kernel.html",
}
_USED_DETAILS = ("config", "transformersInfo", "mask_token", "widgetData", "safetensors", "gguf")
_DATA_LISTS = ("modalities", "formats", "libraries", "configs")
_FORM_BYTES_MAX = 256 * 1024
_INCLUDING = 5
_NAME_CHARACTERS_MAX = 1000
_SHOWN_COOKIE = "pioche-sensitive"
_SHOWN_SECONDS = 7 * 86_400
"""For so long a browser in which somebody wanted to see such content is not asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What the card names of other repos: those that are here are links."""

    base_models: list[tuple[str, RepoId | None]]
    datasets: list[tuple[str, RepoId | None]]
    models: list[tuple[str, RepoId | None]]
    newest: RepoId | None
    result_datasets: dict[str, RepoId]


async def card(request: Request) -> Response:
    """GET /{repo}: what the repo is, its card, what its files tell."""
    return await _card(request)


async def ask(request: Request) -> Response:
    """POST /{repo}/ask-access: what the gate of the card asks, by its form or as the same names in JSON. Where an answer does
    not fit, a reader gets the form back with what is wrong, and a program the reason."""
    if await heads.may(request, Action.CONTENT):
        return _back(request)
    sent = {name: values[-1] for name, values in (await request.form_or_json()).items() if values}
    if request.caller.session_id is not None:
        wrong = await request.run(gates.problems, request, sent)
        if wrong:
            return await _card(request, sent, wrong)
    await request.run(requests.ask, request.repo, request.caller, sent)
    return _back(request)


async def withdraw(request: Request) -> Response:
    """POST /{repo}/ask-access/withdraw."""
    await request.run(requests.withdraw, request.repo, request.caller)
    return _back(request)


def _back(request: Request) -> Response:
    return redirect(request.repo.repo_id.web_path, status=303, headers=[("Cache-Control", "no-store")])


async def _card(request: Request, sent: dict[str, str] | None = None, wrong: dict[str, str] | None = None) -> Response:
    overview = await request.run(overviews.read, request.repo)
    head = await heads.of(request, overview)
    may_read_files = not head.is_closed
    is_sensitive, wants_it = SENSITIVE in overview.tags, request.query.get("show") == "1"
    is_hidden = is_sensitive and _hides(request, wants_it=wants_it)
    gate = await request.run(gates.of, request, head, sent or {}, wrong or {}) if overview.gated else None
    answer = await request.run(_page, request, overview, head, may_read_files, is_hidden, gate)
    if is_sensitive and wants_it and browsers.is_from_us(request):
        secure = "; Secure" if request.base_url.startswith("https:") else ""
        kept = f"{_SHOWN_COOKIE}=1; Path=/; Max-Age={_SHOWN_SECONDS}; HttpOnly; SameSite=Lax{secure}"
        answer.headers.append(("Set-Cookie", kept))
    return answer


def _preference(request: Request) -> str | None:
    return request.signed_in.sensitive if request.signed_in is not None else None


def _hides(request: Request, *, wants_it: bool) -> bool:
    """Of what is not for all audiences: as the account wants, or, where it asks, until somebody wanted to see some."""
    preference = _preference(request)
    if preference is not None:
        return preference == "hide"
    return not wants_it and cookies.named(request, _SHOWN_COOKIE) != "1"


def _page(
    request: Request,
    overview: Overview,
    head: heads.Head,
    may_read_files: bool,
    is_hidden: bool,
    gate: gates.Gate | None,
) -> Response:
    rows = results.of(overview)
    tensors_of = (request.query.get("show_tensors") or "")[:_NAME_CHARACTERS_MAX] if may_read_files else ""
    is_model = overview.repo_id.type is RepoType.MODEL
    tensors_file = tensors.file_of(request.repo) if is_model and may_read_files else ""
    if tensors_of == "true":  # as links on the public Hub have it, for all files
        tensors_of = tensors_file
    return layout.page(
        request,
        _TEMPLATES[overview.repo_id.type],
        status=422 if gate is not None and gate.wrong else 200,
        gate=gate,
        repo_id=overview.repo_id,
        tab="card",
        head=head,
        overview=overview,
        labels=labels,
        listing=heads.listing,
        readme=None if is_hidden else readmes.of(request, request.repo),
        is_hidden=is_hidden,
        hides_sensitive=_preference(request) == "hide",
        may_read_files=may_read_files,
        around=_around(request, overview, rows),
        tensors_file=tensors_file,
        tensors_of=tensors_of,
        tensors=_tensors(request, tensors_of, tensors_file) if tensors_of else None,
        papers=[tag for tag in overview.tags if tag.startswith("arxiv:")],
        data_lists={name: overviews.texts(overview.details.get(name)) for name in _DATA_LISTS},
        including=including.of(request.repo, request.caller, limit=_INCLUDING),
        relatives=relatives.of(request, overview.repo_id),
        uses=uses.of(request.repo, overview),
        use_facts=_use_facts(overview),
        snippets=snippets.of(overview),
        results=rows,
        widget=widgets.of(request, overview) if is_model and may_read_files else None,
        weights=weights.weights(overview) if is_model else None,
        precisions=_precisions(request, overview) if is_model else [],
        chat_template=weights.template(overview) if is_model else "",
        special_tokens=weights.special_tokens(overview) if is_model else [],
    )


def _tensors(request: Request, path: str, whole: str) -> tensor_tree.Shown | None:
    """Of `?show_tensors=file[&in=model.layers.][&find=norm]`; none where there is no such header."""
    prefix, search = ((request.query.get(name) or "")[:_NAME_CHARACTERS_MAX] for name in ("in", "find"))
    try:
        found = tensors.of_file(request.repo, path)
    except (EntryNotFound, Unprocessable, Corrupt, msgspec.MsgspecError):
        return None
    is_part = whole.endswith(tensors.INDEX) and path != whole
    return tensor_tree.show(found, whole_file=whole if is_part else "", prefix=prefix, search=search.strip())


def _around(request: Request, overview: Overview, rows: list[results.Result]) -> _Around:
    database, caller = request.hub.database, request.caller
    bases = snippets.base_models(overview)
    used = overviews.texts(overview.card.get("datasets"))[:50]
    models = overviews.texts(overview.card.get("models"))[:50] if overview.repo_id.type is RepoType.SPACE else []
    named = {*used, *(row.dataset_id for row in rows)}
    data = overviews.present(database, caller, RepoType.DATASET, named)
    here = overviews.present(database, caller, RepoType.MODEL, [*bases, *models])
    return _Around(
        base_models=[(name, here.get(name)) for name in bases],
        datasets=[(name, data.get(name)) for name in used],
        models=[(name, here.get(name)) for name in models],
        newest=overviews.newest(database, caller, overview),
        result_datasets=data,
    )


def _use_facts(overview: Overview) -> str:
    """What @huggingface/tasks wants to know of a model, as JSON, by its names (`ModelData`)."""
    facts = {
        "id": str(overview.repo_id),
        "tags": overview.tags,
        "pipeline_tag": overview.pipeline_tag,
        "library_name": overview.library_name,
        "private": overview.private,
        "gated": overview.gated or False,
        **{name: overview.details[name] for name in _USED_DETAILS if name in overview.details},
    }
    config = facts.get("config")
    if isinstance(config, dict):  # templates are long, and no snippet shows them
        facts["config"] = {name: value for name, value in config.items() if name != "tokenizer_config"}
    return msgspec.json.encode(facts).decode()


def _precisions(request: Request, overview: Overview) -> list[weights.Precision]:
    """The GGUF files of a repo that has some."""
    if not overview.details.get("gguf") and "gguf" not in overview.tags:
        return []
    revision = revisions.resolve_sync(request.repo, "main")
    return weights.precisions(info.siblings(request.repo, revision))


ROUTES = (
    Route("GET", "/{repo:page}", Action.READ, card),
    Route("POST", "/{repo:web}/ask-access", Action.PARTICIPATE, ask, _FORM_BYTES_MAX),
    Route("POST", "/{repo:web}/ask-access/withdraw", Action.PARTICIPATE, withdraw, _FORM_BYTES_MAX),
)
