"""A door that is closed: who is inside is served, who comes is kept waiting."""

import socket

import pytest

from pioche.processes import draining


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_those_who_came_before_are_taken_and_nobody_after(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as listening, socket.socket(family) as before, socket.socket(family) as after:
        try:
            listening.bind((address, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        listening.listen()
        place = listening.getsockname()
        before.connect(place)
        before.sendall(b"the request comes")
        assert draining.close_door(place[1])
        after.settimeout(0.2)
        with pytest.raises(TimeoutError):
            after.connect(place)
        before.sendall(b" in two parts")
        taken, _ = listening.accept()
        with taken:
            taken.settimeout(10)
            assert taken.recv(100).startswith(b"the request comes")
            taken.sendall(b"the answer")
            assert before.recv(100) == b"the answer"


def test_other_ports_stay_open() -> None:
    with socket.socket() as listening, socket.socket() as other, socket.socket() as client:
        for each in (listening, other):
            each.bind(("127.0.0.1", 0))
            each.listen()
        assert draining.close_door(listening.getsockname()[1])
        client.settimeout(10)
        client.connect(other.getsockname())
    assert not draining.close_door(1)
