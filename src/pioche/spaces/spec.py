"""What an app is told to be, and what it is: the words of the Hub's API (`huggingface_hub._space_api`)."""

import enum


class Stage(enum.StrEnum):
    """How an app is. Clients know these words."""

    NO_APP_FILE = "NO_APP_FILE"
    CONFIG_ERROR = "CONFIG_ERROR"
    BUILDING = "BUILDING"
    BUILD_ERROR = "BUILD_ERROR"
    APP_STARTING = "APP_STARTING"
    RUNNING = "RUNNING"
    RUNNING_BUILDING = "RUNNING_BUILDING"
    """One version answers, the next is being built."""
    RUNNING_APP_STARTING = "RUNNING_APP_STARTING"
    RUNTIME_ERROR = "RUNTIME_ERROR"
    SLEEPING = "SLEEPING"
    """Nobody asked for a while; the next request wakes it."""
    PAUSED = "PAUSED"
    """Somebody who may write said so; only such a person starts it again."""
    STOPPED = "STOPPED"
    """It was never asked to run, or the hub may not run it."""
    DELETING = "DELETING"

    @property
    def serves(self) -> bool:
        """Whether a version of it answers."""
        return self in (Stage.RUNNING, Stage.RUNNING_BUILDING, Stage.RUNNING_APP_STARTING)

    @property
    def failed(self) -> bool:
        return self in (Stage.NO_APP_FILE, Stage.CONFIG_ERROR, Stage.BUILD_ERROR, Stage.RUNTIME_ERROR)


class Wanted(enum.StrEnum):
    """What is asked of an app."""

    RUNNING = "running"
    """It may sleep."""
    PAUSED = "paused"
