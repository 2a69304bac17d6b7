"""The ways into, and out of, a process whose network has nobody else in it: the side inside. The standard library alone.

Neither way has a relay, nothing copies a byte. A socket belongs to the network that it was made in, whoever holds it. So sockets
are made in here, by this program, before or beside the command, and handed to the hub:

    in:   a small process beside the command connects to a port of the command's whenever the hub asks, and hands that over
    out:  listeners on the loopback in here are handed over before the command begins; the hub accepts on them (`exits.py`)

The command never holds one of these descriptors, so that what it does to its own has no effect on the hub's. The process beside it
cannot be looked into (PR_SET_DUMPABLE); it can be killed, and then nobody reaches the command any more.
"""

import os
import signal
import socket
import time
from contextlib import suppress
from dataclasses import replace

from pioche.runner import lockdown, system

_LOOPBACK = "127.0.0.1"
_QUEUE = 128
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY")
_NO_PROXIES = "localhost,127.0.0.1,::1"
_BREATH_S = 0.1
_PORT_BYTES = 5
_OF_DOOR = {"NOFILE": 64, "FSIZE": 0, "DATA": 64 * 2**20}


def open_exits(orders: lockdown.Orders) -> dict[str, str]:
    """Hands the listeners of the way out to the hub, the proxy's first; what the environment has to say of them. Raises OSError."""
    if orders.exits is None:
        return {}
    proxy = _listening(_LOOPBACK, 0)
    listeners = [proxy, *(_listening(host, port) for host, port in orders.direct)]
    with socket.socket(fileno=orders.exits) as hub:
        socket.send_fds(hub, [b"\n"], [listener.fileno() for listener in listeners])
    address = f"http://{_LOOPBACK}:{proxy.getsockname()[1]}"
    for listener in listeners:
        listener.close()
    named = dict.fromkeys(_PROXIES, address) | {"NO_PROXY": _NO_PROXIES}
    return {name: value for key, value in named.items() for name in (key, key.lower())}


def keep_door(orders: lockdown.Orders, wire: int) -> None:
    """Starts the process that answers at the door, locked in as the command is, in no one's care but the name space's: it ends
    with that. Raises OSError."""
    if orders.door is None:
        return
    child = os.fork()
    if not child:
        _keep(orders, wire)
    os.close(orders.door)
    _, status = os.waitpid(child, 0)
    if status:
        raise OSError(None, "nobody answers at the door")


def _keep(orders: lockdown.Orders, wire: int) -> None:
    """Does not return."""
    status = 1
    try:
        os.close(wire)
        lockdown.lock(replace(orders, limits=orders.limits | _OF_DOOR))
        status = 0
        if not os.fork():
            os.setsid()
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)  # the command may still answer what it was asked
            system.prctl(system.PR_SET_DUMPABLE, 0)
            _answer(orders)
    finally:
        os._exit(status)


def _answer(orders: lockdown.Orders) -> None:
    with socket.socket(fileno=orders.door) as door:
        while True:
            try:
                caller, _ = door.accept()
            except OSError:  # no memory, no descriptors: later there are
                time.sleep(_BREATH_S)
                continue
            with caller, socket.socket() as made, suppress(OSError, ValueError):  # who asked may be gone
                caller.settimeout(_BREATH_S)
                port = int(caller.recv(_PORT_BYTES)) or orders.port
                made.settimeout(0)  # who asked sees how it goes on
                made.connect_ex((_LOOPBACK, port))
                socket.send_fds(caller, [b"\n"], [made.fileno()], socket.MSG_DONTWAIT)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_QUEUE)
    except OSError as error:
        raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from None
