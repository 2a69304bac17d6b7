"""How each API of inference says no."""

import json
from typing import Any, cast

import pytest

from pioche.errors import EngineFailed, HubError, InvalidInput, ModelLoading, RepoNotFound, TooManyRequests
from pioche.http.messages import Request
from pioche.protocols.inference import errors

REFUSALS: list[tuple[HubError, int, str, str]] = [
    (InvalidInput("parameters.top_p", "too large"), 422, "validation", "validation"),
    (EngineFailed("broke"), 424, "generation", "generation"),
    (TooManyRequests("busy", seconds=2), 429, "overloaded", "overloaded"),
    (ModelLoading("starting", seconds=3), 503, "unhealthy", ""),
    (RepoNotFound(), 404, "validation", ""),
]
"""Refusal, status and kind below /generate, and kind in the task API, which keeps its statuses."""


@pytest.mark.parametrize(("error", "status", "kind", "kind_of_task"), REFUSALS)
def test_clients_of_text_generation_know_what_went_wrong(
    error: HubError, status: int, kind: str, kind_of_task: str
) -> None:
    nobody = cast("Request", None)
    told = errors.render_tgi(nobody, error)
    assert (told.status, _json(told.body)) == (status, {"error": error.message, "error_type": kind})
    of_task = errors.render_task(nobody, error)
    assert (of_task.status, _json(of_task.body).get("error_type", "")) == (error.status, kind_of_task)


def _json(body: object) -> dict[str, Any]:
    assert isinstance(body, bytes)
    found: dict[str, Any] = json.loads(body)
    return found
