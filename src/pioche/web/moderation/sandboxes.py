"""/admin/sandbox: how well processes of models, Spaces and jobs are locked in on this machine (H-RUN-1), for administrators. To
others it is not there."""

from dataclasses import dataclass

from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.runner.spec import LEAST_FOR_CODE, Level
from pioche.web.moderation import frame

_PAGE = "/admin/sandbox"


@dataclass(frozen=True)
class _Rung:
    level: Level
    holds: str
    is_active: bool
    is_there: bool
    refusal: str
    """Why it is not there: the machine's words, which are English."""


async def show(request: Request) -> Response:
    """GET /admin/sandbox. The first time it tries the levels, which takes a second or two."""
    found = await request.run(request.hub.sandbox.find_out)
    has = found.level or 0
    rungs = [
        _Rung(level, holds, level == has, level <= has, found.refusals.get(level, ""))
        for level, holds in sorted(_held().items(), reverse=True)
    ]
    return frame.page(
        request, "sandbox.html", "sandbox", rungs=rungs, level=found.level, least=Level[request.hub.config.sandbox.upper()],
        least_for_code=LEAST_FOR_CODE, runs_code=has >= LEAST_FOR_CODE,
    )  # fmt: skip


def _held() -> dict[Level, str]:
    return {
        Level.FULL: _(
            "All below, and the kernel counts memory, processes and time of the whole tree (control groups)."
        ),
        Level.NAMESPACES: _("It sees no other process, no other file and no network (bubblewrap)."),
        Level.FILTERS: _(
            "It opens its own files alone, no internet connection, and signals nobody (Landlock, seccomp)."
        ),
        Level.LIMITS: _("Limits of memory, processes, files and disk; nothing is hidden from it."),
    }


ROUTES = (Route("GET", _PAGE, Needs.ADMIN_PAGE, show),)
