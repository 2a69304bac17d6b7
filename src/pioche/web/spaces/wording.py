"""What stages are called, and which mark they have."""

from typing import Final

from pioche.i18n.texts import lazy as _
from pioche.spaces.spec import Stage

STAGES: Final[dict[Stage, tuple[str, str]]] = {
    Stage.NO_APP_FILE: (_("No app file"), "error"),
    Stage.CONFIG_ERROR: (_("Configuration error"), "error"),
    Stage.BUILDING: (_("Building"), "busy"),
    Stage.BUILD_ERROR: (_("Build error"), "error"),
    Stage.APP_STARTING: (_("Starting"), "busy"),
    Stage.RUNNING: (_("Running"), "ready"),
    Stage.RUNNING_BUILDING: (_("Running, building"), "ready"),
    Stage.RUNNING_APP_STARTING: (_("Running, starting"), "ready"),
    Stage.RUNTIME_ERROR: (_("Runtime error"), "error"),
    Stage.SLEEPING: (_("Sleeping"), "idle"),
    Stage.PAUSED: (_("Paused"), "idle"),
    Stage.STOPPED: (_("Stopped"), "idle"),
    Stage.DELETING: (_("Deleting"), "idle"),
}
SLEEPS: Final[tuple[tuple[int, str], ...]] = (
    (300, _("5 minutes")),
    (900, _("15 minutes")),
    (3600, _("1 hour")),
    (86_400, _("1 day")),
    (172_800, _("2 days")),
    (-1, _("Never")),
)
