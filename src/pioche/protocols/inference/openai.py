"""The API of OpenAI, as its own clients and the Hub's speak it: `/v1/...` with the model in the body, and the same below the
address of each model, where the body may name any (the Hub's client says `dummy`)."""

import base64
import struct
from typing import Any, Literal

import msgspec

from pioche.errors import BadRequest, InvalidInput, NotServed
from pioche.http import threads
from pioche.http.messages import Request, Response, json_response
from pioche.names import RepoType
from pioche.protocols.inference import asking
from pioche.repos.access import Action
from pioche.search.query import Query
from pioche.serving import choice
from pioche.serving.spec import Ask

_EMBEDDINGS_MAX = 2048
_LISTED_MAX = 200


class Embeddings(msgspec.Struct, frozen=True):
    """What is not named here is for the account and its bill."""

    input: str | list[object]
    model: str = ""
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    user: str | None = None


async def models(request: Request) -> Response:
    """Models that are here, that the caller may see and an engine of this hub can take."""
    query = Query(type=RepoType.MODEL, inference="warm", limit=_LISTED_MAX)
    names = await threads.run(_names, request, query)
    return json_response({"object": "list", "data": [_listed(name) for name in names]})


async def model(request: Request) -> Response:
    """One of them."""
    repo, revision = await asking.opened(request, request.params["model"])
    await asking.target(request, repo, revision)
    return json_response(_listed(str(repo.repo_id)))


async def models_of(request: Request) -> Response:
    """The one model of the address, as a list."""
    found = await asking.addressed(request)
    return json_response({"object": "list", "data": [_listed(found.spec.repo)]})


async def embeddings(request: Request) -> Response:
    """Rows of numbers for texts."""
    asked = asking.read(await asking.body(request), Embeddings)
    found = await asking.meant(request, asked.model)
    found.check_task("feature-extraction")
    texts = _texts(asked.input)
    answered = await asking.answer(request, found, Ask("feature-extraction", texts))
    rows = _rows(asking.decoded(answered), len(texts))
    if asked.dimensions is not None and rows and asked.dimensions != len(rows[0]):
        raise InvalidInput("dimensions", f"this model gives {len(rows[0])}, and they cannot be cut off")
    data = [
        {
            "object": "embedding",
            "index": number,
            "embedding": _packed(row) if asked.encoding_format == "base64" else row,
        }
        for number, row in enumerate(rows)
    ]
    # Tokens are not billed here, and are not counted: the field is there for clients that ask for it.
    usage = {"prompt_tokens": 0, "total_tokens": 0}
    return json_response({"object": "list", "model": found.spec.repo, "data": data, "usage": usage})


async def chat(request: Request) -> Response:
    """An answer to a conversation, in one piece or as it is written (`stream`)."""
    return await _generated(request, "chat", "messages")


async def completions(request: Request) -> Response:
    """How a text goes on, in one piece or as it is written (`stream`)."""
    return await _generated(request, "completion", "prompt")


async def _generated(request: Request, task: str, needed: str) -> Response:
    body = asking.read(await asking.body(request), dict[str, Any])
    found = await asking.meant(request, str(body.pop("model", "")))
    if task not in choice.served(found.spec.task):
        raise NotServed(f"This model does {found.spec.task}: it has no {task} to give")
    if needed not in body:
        raise InvalidInput(needed, "it is needed")
    try:
        return asking.respond(found, task, await asking.answer(request, found, Ask(task, body)))
    except InvalidInput as error:
        raise InvalidInput(
            error.field.removeprefix("inputs."), error.message.removeprefix(f"{error.field}: ")
        ) from None


def _texts(given: str | list[object]) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not 0 < len(texts) <= _EMBEDDINGS_MAX:
        raise InvalidInput("input", f"between 1 and {_EMBEDDINGS_MAX} texts are needed")
    found = [text for text in texts if isinstance(text, str)]
    if len(found) != len(texts):
        raise InvalidInput("input", "texts are needed: numbers of tokens are another model's")
    return found


def _rows(value: object, count: int) -> list[list[float]]:
    """One row a text. Raises NotServed for a model that does not say how to make one of its tokens' rows."""
    try:
        rows = msgspec.convert(value, list[list[float]])
    except msgspec.ValidationError:
        raise NotServed("This model does not say how a text becomes one row: it has no 1_Pooling/config.json") from None
    if len(rows) != count:
        raise BadRequest("The model gave another number of rows than there are texts")
    return rows


def _packed(row: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode()


def _names(request: Request, query: Query) -> list[str]:
    found = request.hub.search.find(request.caller, query)
    opened = request.hub.access.open_all_sync(request.caller, found.ids, Action.READ)
    return [str(repo.repo_id) for repo in opened]


def _listed(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": name.partition("/")[0]}
