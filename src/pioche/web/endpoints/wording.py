"""States and events of endpoints in the reader's language."""

from typing import Final

from pioche.i18n.texts import lazy as _

STATES: Final[dict[str, str]] = {
    "pending": _("pending"),
    "initializing": _("starting"),
    "running": _("running"),
    "updating": _("updating"),
    "updateFailed": _("update taken back"),
    "paused": _("paused"),
    "failed": _("failed"),
    "scaledToZero": _("asleep"),
    "absent": _("not started"),
    "starting": _("starting"),
    "ready": _("ready"),
    "closed": _("closed"),
}
KINDS: Final[dict[str, str]] = {
    "create": _("made it"),
    "deploy": _("deployed"),
    "rollout": _("began a rollout"),
    "step": _("moved traffic"),
    "done": _("ended the rollout"),
    "taken back": _("took the rollout back"),
    "promote": _("gave it all of the traffic"),
    "rollback": _("rolled back"),
    "traffic": _("set the traffic"),
    "settings": _("changed the settings"),
    "pause": _("paused it"),
    "resume": _("resumed it"),
    "sleep": _("scaled it to zero"),
    "wake": _("woke it: somebody asked"),
    "remove": _("deleted a deployment"),
}
AUDIENCES: Final[dict[str, tuple[str, str]]] = {
    "public": (_("Everybody"), _("Whoever reaches this hub.")),
    "authenticated": (_("Whoever has an account"), _("Signed in, or with a token.")),
    "private": (_("Its owner"), _("You, or the members of the organisation who read its private repositories.")),
}
DIALECTS: Final[dict[str, str]] = {
    "openai": "OpenAI",
    "tgi": "text-generation-inference",
    "tei": "text-embeddings-inference",
    "oip": "Open Inference Protocol",
}
