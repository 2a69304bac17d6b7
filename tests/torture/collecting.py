"""A5: garbage is collected beside the load, without any grace, and the collection is killed as well."""

import random
import subprocess
import threading

from tests.torture.history import ACKNOWLEDGED, COLLECTION, UNKNOWN, History
from tests.torture.victim import Victim

_SECONDS_MAX = 120


class Collector:
    """Runs `pioche gc --now` again and again; half of the runs are killed somewhere."""

    def __init__(self, victim: Victim, history: History, chance: random.Random) -> None:
        self.thread = threading.Thread(target=self._run, name="collector", daemon=True)
        self._victim = victim
        self._history = history
        self._chance = chance
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()
        if self.thread.ident is not None:
            self.thread.join(_SECONDS_MAX)

    def _run(self) -> None:
        while not self._stopping.wait(self._chance.uniform(0.5, 2)):
            self._collect()

    def _collect(self) -> None:
        operation = self._history.begin(COLLECTION, -1)
        with subprocess.Popen(
            [*self._victim.program, "gc", "--now", "--json"],
            env=self._victim.environment(),
            cwd=self._victim.data_dir.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            lives_s = self._chance.uniform(0.8, 4) if self._chance.random() < 0.5 else _SECONDS_MAX
            try:
                _, said = process.communicate(timeout=lives_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                self._history.end(operation, UNKNOWN)
                return
        if process.returncode and b"Traceback" in said:
            self._history.violation(f"gc ended with {process.returncode}: {said.decode()[-1000:]}")
        self._history.end(operation, ACKNOWLEDGED if process.returncode == 0 else UNKNOWN)
