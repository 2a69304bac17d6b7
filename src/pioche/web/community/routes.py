"""The table of contents of the community pages. A diff is bytes of files, which a gate guards: CONTENT."""

from pioche.http.routes import Route
from pioche.repos.access import Action
from pioche.web.community import acting, conversation, listing, opening, proposal, remark, rescue

_ALL = "/{repo:web}/discussions"
_ONE = _ALL + "/{number}"
_COMMENT = _ONE + "/comment/{id}"

ROUTES = (
    Route("GET", _ALL, Action.READ, listing.threads),
    Route("GET", _ALL + "/new", Action.PARTICIPATE, opening.ask),
    Route("POST", _ALL, Action.PARTICIPATE, opening.start, rescue=rescue.text),
    Route("POST", _ALL + "/preview", Action.PARTICIPATE, acting.preview),
    Route("GET", _ALL + "/people", Action.PARTICIPATE, acting.suggest),
    Route("GET", _ONE, Action.READ, conversation.thread),
    Route("GET", _ONE + "/commits", Action.READ, proposal.commits),
    Route("GET", _ONE + "/files", Action.CONTENT, proposal.files),
    Route("POST", _ONE + "/comment", Action.PARTICIPATE, acting.comment, rescue=rescue.text),
    Route("POST", _ONE + "/title", Action.PARTICIPATE, acting.title),
    Route("POST", _ONE + "/status", Action.PARTICIPATE, acting.status),
    Route("POST", _ONE + "/watch", Action.PARTICIPATE, acting.watch),
    Route("POST", _ONE + "/pin", Action.WRITE, acting.pin),
    Route("POST", _ONE + "/lock", Action.WRITE, acting.lock),
    Route("POST", _ONE + "/merge", Action.WRITE, acting.merge),
    Route("POST", _ONE + "/ref", Action.WRITE, acting.delete_ref),
    Route("POST", _ONE + "/delete", Action.MANAGE, acting.delete),
    Route("GET", _COMMENT, Action.READ, remark.comment),
    Route("POST", _COMMENT + "/edit", Action.PARTICIPATE, remark.edit, rescue=rescue.text),
    Route("POST", _COMMENT + "/hide", Action.PARTICIPATE, remark.hide),
    Route("POST", _COMMENT + "/reaction", Action.PARTICIPATE, remark.react),
)
