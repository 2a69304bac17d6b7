"""The loads: what a client does to a server, the same to the hub and to the reference."""

import http.client
import re
import select
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.measure import Sample, timed

_PIECE = 1 << 20
_CONNECTIONS = 32
_SECONDS = 3


def get(url: str, token: str | None, first: int = 0, last: int | None = None) -> int:
    """Reads the file, or bytes `first` to `last` of it, to nowhere; returns how many bytes came. Follows redirects."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if last is not None:
        headers["Range"] = f"bytes={first}-{last}"
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=120, blocksize=_PIECE)
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""), headers=headers)
        response = connection.getresponse()
        if response.status in (301, 302, 307, 308):
            return get(response.headers["Location"], None, first, last)
        assert response.status in (200, 206), f"{url} answered {response.status}"
        buffer, total = memoryview(bytearray(_PIECE)), 0
        while read := response.readinto(buffer):
            total += read
        return total
    finally:
        connection.close()


def whole_file(url: str, token: str | None, pid: int) -> Sample:
    return timed(lambda: get(url, token), pid)


def parallel_ranges(url: str, token: str | None, pid: int, *, size: int, parts: int = 8) -> Sample:
    """`parts` clients at once, each with its own part of the file."""
    step = size // parts

    def work() -> float:
        got = [0] * parts

        def read(part: int) -> None:
            got[part] = get(url, token, part * step, part * step + step - 1)

        clients = [threading.Thread(target=read, args=(part,)) for part in range(parts)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        return sum(got)

    return timed(work, pid)


def put(url: str, headers: dict[str, str], file: Path, pid: int) -> Sample:
    """Sends the file as the body of one PUT."""

    def work() -> float:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=600, blocksize=_PIECE)
        size = file.stat().st_size
        with file.open("rb") as body:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request("PUT", path, body=body, headers={"Content-Length": str(size), **headers})
            response = connection.getresponse()
            response.read()
        connection.close()
        assert response.status in (200, 201, 204), f"PUT answered {response.status}"
        return size

    return timed(work, pid)


def small_ranges(url: str, token: str | None, pid: int, *, size: int) -> Sample:
    """Random ranges of 64 KiB, 32 connections."""
    script = f"""
function request()
  local first = math.random(0, {size // 65536 - 1}) * 65536
  wrk.headers["Range"] = "bytes=" .. first .. "-" .. (first + 65535)
  return wrk.format("GET")
end
"""
    return wrk(url, token, pid, script)


def gets(url: str, token: str | None, pid: int) -> Sample:
    """One small GET over and over, 32 connections."""
    return wrk(url, token, pid)


def heads(url: str, token: str | None, pid: int) -> Sample:
    """One HEAD over and over, 32 connections. Our own loop: wrk waits for the body that `Content-Length` announces."""
    parts = urlsplit(url)
    header = f"Authorization: Bearer {token}\r\n" if token else ""
    path = parts.path or "/"
    request = f"HEAD {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{header}\r\n".encode()
    waits: list[float] = []

    def work() -> float:
        with ExitStack() as stack:
            clients = {
                client.fileno(): client
                for _ in range(_CONNECTIONS)
                if (client := stack.enter_context(socket.create_connection((parts.hostname or "", parts.port or 80))))
            }
            waits.extend(ask_in_turn(clients, request))
        return len(waits)

    sample = timed(work, pid)
    return Sample(sample.amount, sample.wall_s, sample.cpu_s, statistics.quantiles(waits, n=100)[98] * 1000)


def ask_in_turn(clients: dict[int, socket.socket], request: bytes) -> Iterator[float]:
    """Asks on each connection as soon as it has answered; yields how long each answer took, for three seconds."""
    poll, asked = select.epoll(), dict[int, float]()
    for number, client in clients.items():
        poll.register(number, select.EPOLLIN)
        client.sendall(request)
        asked[number] = time.perf_counter()
    end = time.perf_counter() + _SECONDS
    while (now := time.perf_counter()) < end:
        for number, _ in poll.poll(1):
            answer = clients[number].recv(65536)
            assert answer.startswith(b"HTTP/1.1 2"), f"a HEAD was answered {answer[:200]!r}"
            assert answer.endswith(b"\r\n\r\n"), "the head of an answer came in pieces"
            now = time.perf_counter()
            yield now - asked[number]
            asked[number] = now
            clients[number].send(request)
    poll.close()


def wrk(url: str, token: str | None, pid: int, script: str = "") -> Sample:
    program = shutil.which("wrk")
    assert program is not None, "wrk is not installed"
    header = f'wrk.headers["Authorization"] = "Bearer {token}"\n' if token else ""
    report: list[str] = []
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(header + script)
        lua.flush()
        command = [program, "-t", "1", "-c", str(_CONNECTIONS), "-d", f"{_SECONDS}s", "--latency", "-s", lua.name, url]

        def work() -> float:
            report.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            return int(found(r"(\d+) requests in", report[0]))

        sample = timed(work, pid)
    assert "Non-2xx" not in report[0], report[0]
    return Sample(sample.amount, sample.wall_s, sample.cpu_s, milliseconds(found(r"\n\s+99%\s+(\S+)", report[0])))


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, f"no {pattern!r} in:\n{text}"
    return match[1]


def milliseconds(text: str) -> float:
    unit = next(unit for unit in ("us", "ms", "s") if text.endswith(unit))
    return float(text.removesuffix(unit)) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
