"""The log of a process: bounded, and whole where it is kept."""

import os
import threading

from pioche.runner.logs import Log


def logged(*pieces: bytes) -> Log:
    """A log whose process has printed this, and ended."""
    read, write = os.pipe()
    log = Log(read)
    for piece in pieces:
        os.write(write, piece)
    os.close(write)
    assert list(log.follow())[-1:] == log.lines()[-1:]
    return log


def test_lines_come_whole_however_they_were_written() -> None:
    log = logged(b"one\ntw", b"o\r\nthr\xff\nlast")
    assert [line.text for line in log.lines()] == ["one", "two", "thr\N{REPLACEMENT CHARACTER}", "last"]
    assert [line.number for line in log.lines(2)] == [2, 3]
    assert log.is_closed


def test_the_oldest_lines_are_dropped_and_counted() -> None:
    log = logged(*(b"line\n" * 100 for _ in range(30)))
    assert len(log.lines()) == 2000
    assert log.lines()[-1].number == 2999


def test_a_line_without_an_end_is_cut() -> None:
    log = logged(b"x" * 9000, b"\nnext\n")
    assert max(len(line.text) for line in log.lines()) <= 4100
    assert log.lines()[-1].text == "next"


def test_following_waits_for_what_comes_and_for_no_longer_than_asked() -> None:
    read, write = os.pipe()
    log = Log(read)
    os.write(write, b"first\n")
    lines = log.follow()
    assert next(lines).text == "first"
    threading.Timer(0.05, os.write, (write, b"second\n")).start()
    assert next(lines).text == "second"
    assert list(log.follow(2, patience=0.05)) == []
    os.close(write)
    assert list(lines) == []


def test_what_the_hub_says_stands_among_them() -> None:
    log = logged(b"one\n")
    log.say("[ended]")
    assert log.text == "one\n[ended]"
