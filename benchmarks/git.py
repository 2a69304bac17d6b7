"""Clones beside git's own `http-backend` on the same objects, and many pushes at once."""

import os
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measure import Pair, Sample, in_turn
from benchmarks.rows import Goal, Row

_FILES = 1000
_PUSHES = 100
_PIECE = 1 << 16


def wire(bench: Bench) -> list[Row]:
    """git's smart HTTP."""
    return [_clone(bench), _pushes(bench)]


def _clone(bench: Bench) -> Row:
    print(f"clone of {_FILES:,} files ...", flush=True)
    repo = "bench/cloned"
    bench.api.create_repo(repo)
    lines = [
        {"key": "file", "value": {"path": f"{at % 20}/{at}.txt", "content": f"file {at}\n" * 20, "encoding": "utf-8"}}
        for at in range(_FILES)
    ]
    for start in range(0, _FILES, 100):
        bench.commit(repo, lines[start : start + 100])
    ours = f"{bench.hub.endpoint}/{repo}"
    with http_backend(_same_objects(bench, ours)) as theirs:
        pair = in_turn(
            Pair(f"clone of a {_FILES:,}-file repo"),
            lambda: _timed_clone(bench, ours),
            lambda: _timed_clone(bench, theirs),
            max(bench.rounds, 5),
        )
    walls = [statistics.median(sample.wall_s for sample in runs) for runs in (pair.hub, pair.reference)]
    seen = f"{walls[0] * 1e3:,.0f} ms, git http-backend {walls[1] * 1e3:,.0f} ms"
    return Row(
        pair.name, seen, [Goal(1 / pair.ratio, 1.3, "x its time")], "both run git upload-pack; ours asks the rights"
    )


def _timed_clone(bench: Bench, url: str) -> Sample:
    target = bench.folder / "clone"
    began = time.perf_counter()
    git("clone", "-q", url, str(target))
    wall = time.perf_counter() - began
    shutil.rmtree(target)
    return Sample(1, wall, 0.0)


def _same_objects(bench: Bench, url: str) -> Path:
    """A plain repository with a copy of the hub's object files, and its refs."""
    plain = bench.folder / "plain" / "cloned.git"
    git("init", "-q", "--bare", str(plain))
    tip = git("ls-remote", url, "refs/heads/main").split()[0]
    (repo,) = [path for path in (bench.hub.data_dir / "git").glob("*/*.git") if _has(path, tip)]
    shutil.copytree(repo / "objects", plain / "objects", dirs_exist_ok=True)
    git("-C", str(plain), "update-ref", "refs/heads/main", tip)
    git("-C", str(plain), "symbolic-ref", "HEAD", "refs/heads/main")
    return plain


def _has(repo: Path, oid: str) -> bool:
    asked = ["git", "-C", str(repo), "cat-file", "-e", oid]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _pushes(bench: Bench) -> Row:
    print(f"{_PUSHES} pushes at once ...", flush=True)
    repo = "bench/pushed"
    bench.api.create_repo(repo)
    url = f"http://bench:{bench.token}@{bench.hub.endpoint.removeprefix('http://')}/{repo}"
    first = bench.folder / "push-0"
    git("clone", "-q", url, str(first))
    folders = [first, *(bench.folder / f"push-{number}" for number in range(1, _PUSHES))]
    for number, folder in enumerate(folders):
        if number:
            shutil.copytree(first, folder)
        (folder / "file.txt").write_text(f"{number}\n")
        git("-C", str(folder), "checkout", "-q", "-B", f"branch-{number}")
        git("-C", str(folder), "add", "file.txt")
        git("-C", str(folder), "-c", "user.name=b", "-c", "user.email=b@b", "commit", "-q", "-m", f"{number}")
    with ThreadPoolExecutor(_PUSHES) as clients:
        took = sorted(clients.map(_timed_push, enumerate(folders)))
    landed = len(git("ls-remote", "--heads", url, "branch-*").splitlines())
    for folder in folders:
        shutil.rmtree(folder)
    goals = [Goal(landed, _PUSHES, "landed", is_most=False), Goal(took[int(_PUSHES * 0.99) - 1], 30, "s p99")]
    return Row(
        f"{_PUSHES} parallel pushes to one repo", f"to a branch each, median {statistics.median(took):.1f} s", goals
    )


def _timed_push(numbered: tuple[int, Path]) -> float:
    number, folder = numbered
    began = time.perf_counter()
    git("-C", str(folder), "push", "-q", "origin", f"branch-{number}")
    return time.perf_counter() - began


def git(*arguments: str) -> str:
    """Without anybody's own configuration, and without asking for a password."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": "/nonexistent",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }
    done = subprocess.run(
        ["git", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"git {' '.join(arguments[:3])} failed: {done.stderr[-500:]}"
    return done.stdout


# --- the reference --------------------------------------------------------------------------------------------------


@contextmanager
def http_backend(repo: Path) -> Iterator[str]:
    """The address of `repo` behind git's own CGI program and the plainest of servers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Cgi)
    server.root = repo.parent  # type: ignore[attr-defined]  # for the handler, which the server makes
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{repo.name}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Cgi(BaseHTTPRequestHandler):
    """One request is one run of `git http-backend` (git-http-backend(1), the environment of CGI)."""

    def do_GET(self) -> None:
        self._run(b"")

    def do_POST(self) -> None:
        self._run(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def log_message(self, *_: object) -> None:
        pass

    def _run(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.server.root),  # type: ignore[attr-defined]  # see http_backend
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        with subprocess.Popen(
            ["git", "http-backend"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            program.stdin.write(body)
            program.stdin.close()
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            while piece := program.stdout.read1(_PIECE):  # type: ignore[attr-defined]  # a BufferedReader, as Popen makes it
                self.wfile.write(piece)
