"""The first program inside: it gets its orders, locks itself down, and becomes the command. Runs as `keeper` starts it."""

import json
import os
import sys

from pioche.runner import doors, lockdown

LOCKED = "\n"

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from pioche.runner import {0}; {0}.main()"


def program(module: str, python: str, packages: str) -> list[str]:
    """The command that starts a module of this package: with nothing of the environment, and no third-party package."""
    return [python, "-I", "-S", "-c", _BOOT.format(module), packages]


def main() -> None:
    """Orders come by the file descriptor that is named last. It says LOCKED and closes when the command runs; or it tells why
    that does not."""
    wire = int(sys.argv[2])
    with os.fdopen(wire, "rb", closefd=False) as lines:
        orders = lockdown.Orders(**json.loads(lines.readline()))
    os.set_inheritable(wire, False)  # noqa: FBT003  (Python takes no name for it)
    try:
        become(orders, wire)
    except OSError as error:
        os.write(wire, f"{error.strerror or error}\n".encode())
        os._exit(126)


def become(orders: lockdown.Orders, wire: int) -> None:
    _close_others({wire, orders.door, orders.exits})
    environment = doors.open_exits(orders) | orders.environment
    doors.keep_door(orders, wire)
    lockdown.lock(orders)
    os.chdir(orders.folder)  # as who owns it: root without its rights may not
    os.write(wire, LOCKED.encode())
    try:
        os.execvpe(orders.command[0], list(orders.command), environment)  # noqa: S606
    except OSError as error:
        raise OSError(error.errno, f"{orders.command[0]}: {error.strerror}") from None


def _close_others(kept: set[int | None]) -> None:
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2 and number not in kept:
            try:
                os.close(number)
            except OSError:  # the one that listed the folder
                continue
