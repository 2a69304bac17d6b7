"""What the tests start ends with the process that started it, even when that one crashes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

_CRASHES = """
import os, signal, subprocess, sys
from tests import leftovers
leftovers.watch()
for environment in (None, leftovers.unmarked()):
    command = ["sleep", "60"]
    quiet = subprocess.DEVNULL
    started = subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    print(started.pid, flush=True)
os.kill(os.getpid(), signal.SIGSEGV)
"""


def _lives(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_what_a_process_that_crashed_had_started_ends_but_for_what_is_unmarked() -> None:
    done = subprocess.run([sys.executable, "-c", _CRASHES], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGSEGV, done.stderr
    marked, unmarked = map(int, done.stdout.split())
    try:
        deadline = time.monotonic() + 60
        while _lives(marked):
            assert time.monotonic() < deadline, "it stayed"
            time.sleep(0.05)
        assert _lives(unmarked)
    finally:
        subprocess.run(["kill", "-KILL", str(unmarked)], check=True)
