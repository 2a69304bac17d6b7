"""The tables of routes as an OpenAPI 3.1 document: what there is, what it needs, in the words of the handlers."""

import re
from collections.abc import Iterable
from typing import Any

import pioche
from pioche.http.routes import Needs, Protocol, Route

_FORMS = {
    "{repo:api}": ("{type}/{namespace}/{repo}",),
    "{repo:web}": (
        "{namespace}/{repo}",
        "datasets/{namespace}/{repo}",
        "spaces/{namespace}/{repo}",
        "kernels/{namespace}/{repo}",
    ),
    "{repo:git}": (
        "{namespace}/{repo}.git",
        "datasets/{namespace}/{repo}.git",
        "spaces/{namespace}/{repo}.git",
        "kernels/{namespace}/{repo}.git",
    ),
    "{repo:bucket}": ("buckets/{namespace}/{repo}",),
}
_PARAMETER = re.compile(r"\{(\w+)\*?\}")
PAGES = "web"
"""The protocol of the pages, which are for people: not in the document."""

Json = dict[str, Any]


def document(protocols: Iterable[Protocol], address: str) -> Json:
    """For the hub at `address`. Routes that are known and not offered are left out."""
    paths: dict[str, Json] = {}
    for protocol in protocols:
        for route in protocol.routes if protocol.name != PAGES else ():
            if is_offered(route):
                for path in _spelled(route.pattern):
                    paths.setdefault(_PARAMETER.sub(r"{\1}", path), {})[route.method.lower()] = _operation(
                        protocol, route, path
                    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pioche", "version": pioche.__version__, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": address}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": dict(sorted(paths.items())),
    }


def is_offered(route: Route) -> bool:
    return route.handler.__name__ != "not_offered"


def summary(route: Route) -> str:
    """What the handler's docstring says beside its own address, in a sentence."""
    text = " ".join((route.handler.__doc__ or "").split())
    return re.sub(r"^(?:GET|HEAD|POST|PUT|PATCH|DELETE)(?:, \w+)* \S+?[:.] ?", "", text).strip()


def _operation(protocol: Protocol, route: Route, path: str) -> Json:
    needs_token = route.needs not in (Needs.ANYONE, Needs.SIGNATURE)
    return {
        "tags": [protocol.name],
        "summary": summary(route),
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()}{path}"),
        "x-needs": route.needs.value,
        "x-pattern": route.pattern,
        **({"security": [{"token": []}]} if needs_token else {}),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": _schema(name)} for name in _PARAMETER.findall(path)
        ],
        "responses": {"default": {"description": "See the guide of the clients"}},
    }


def _schema(name: str) -> Json:
    return (
        {"type": "string", "enum": ["models", "datasets", "spaces", "kernels"]}
        if name == "type"
        else {"type": "string"}
    )


def _spelled(pattern: str) -> tuple[str, ...]:
    for form, spellings in _FORMS.items():
        if form in pattern:
            return tuple(pattern.replace(form, spelling) for spelling in spellings)
    return (pattern,)
