"""`python -m pioche.processes NAME SUPERVISOR_PID`: one child. For the supervisor only."""

import sys

from pioche import config
from pioche.observe import log
from pioche.processes import child
from pioche.processes.table import PROCESSES


def main(name: str, supervisor: str) -> None:
    child.begin(int(supervisor))
    settings = config.load()
    log.configure(settings.log_level, settings.log_format)
    process = next(process for process in PROCESSES if process.name == name)
    process.run(settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
