"""Range, If-Range and If-None-Match (RFC 9110 sections 13 and 14)."""

import asyncio
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pioche.errors import InvalidRange, RangeNotSatisfiable
from pioche.http import ranges
from pioche.http.messages import Headers, Response
from pioche.http.ranges import PARTS_MAX, Span

DATA = bytes(range(100))
ETAG = '"abc"'


class Asked:
    """As much of a request as ranges look at."""

    def __init__(self, method: str = "GET", **headers: str) -> None:
        self.method = method
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def answer(asked: Asked, data: bytes = DATA) -> Response:
    headers: Headers = [("Content-Type", "text/plain")]
    request: Any = asked
    return ranges.answer(
        request, etag=ETAG, length=len(data), open_part=lambda start, end: data[start:end], headers=headers
    )


def sent(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    source = response.body

    async def collect() -> bytes:
        return b"".join([piece async for piece in source.pieces()])

    body = asyncio.run(collect())
    assert len(body) == source.length
    return body


def header(response: Response, name: str) -> str | None:
    found = [value for key, value in response.headers if key.lower() == name.lower()]
    assert len(found) <= 1, f"{name} stands {len(found)} times"
    return found[0] if found else None


# --- one range ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, 100),
        ("bytes=0-", 0, 100),
        ("bytes=-1", 99, 100),
        ("bytes=-100", 0, 100),
        ("bytes=-1000", 0, 100),
        ("bytes=90-1000", 90, 100),
        ("bytes=90-99999999999999999999999999999999", 90, 100),
        ("bytes= 0-9 ", 0, 10),
        ("BYTES=0-9", 0, 10),
        ("bytes=0-9,", 0, 10),
        ("bytes=0-9,200-300", 0, 10),
        ("bytes=0-9,-0", 0, 10),
    ],
)
def test_one_range(asked: str, start: int, end: int) -> None:
    response = answer(Asked(range=asked))
    assert response.status == 206
    assert response.body == DATA[start:end]
    assert header(response, "Content-Range") == f"bytes {start}-{end - 1}/100"
    assert header(response, "ETag") == ETAG
    assert header(response, "Content-Type") == "text/plain"


@pytest.mark.parametrize(
    "asked", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={'9' * 5000}-", "bytes=200-300,-0"]
)
def test_nothing_of_it_is_inside(asked: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refused:
        answer(Asked(range=asked))
    assert refused.value.size == 100


@pytest.mark.parametrize("asked", ["", ",", "-", "a-b", "5-2", "1", "1-2-3", "--1", "+1-2", "0x1-2", "١-٢", "1 - 2"])
def test_a_wrong_form_is_named(asked: str) -> None:
    with pytest.raises(InvalidRange):
        answer(Asked(range=f"bytes={asked}"))


@pytest.mark.parametrize("asked", ["items=0-9", "bytes", "0-9", "", "bytes 0-9"])
def test_an_unknown_unit_is_ignored(asked: str) -> None:
    response = answer(Asked(range=asked))
    assert (response.status, response.body) == (200, DATA)


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=-5", "bytes=0-0", "bytes=7-9"])
def test_an_empty_file_is_sent_whole(asked: str) -> None:
    response = answer(Asked(range=asked), b"")
    assert (response.status, sent(response)) == (200, b"")
    assert header(response, "Content-Range") is None


def test_head_ignores_range() -> None:
    response = answer(Asked("HEAD", range="bytes=0-9"))
    assert response.status == 200
    assert header(response, "Content-Length") == "100"
    assert header(response, "Accept-Ranges") == "bytes"
    assert answer(Asked("HEAD", range="bytes=500-")).status == 200


# --- several ranges -------------------------------------------------------------------------------------------------


def parts_of(response: Response) -> list[tuple[str, bytes]]:
    """(Content-Range, bytes) of every part."""
    kind = header(response, "Content-Type") or ""
    match = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", kind)
    assert match, kind
    head, *parts, tail = sent(response).split(b"--" + match[1].encode())
    assert head == b"\r\n"
    assert tail == b"--\r\n"
    found = list[tuple[str, bytes]]()
    for part in parts:
        fields, _, body = part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n")
        named = dict(line.split(": ", 1) for line in fields.decode().split("\r\n"))
        assert named["Content-Type"] == "text/plain"
        found.append((named["Content-Range"], body))
    return found


def test_several_ranges_in_the_order_asked() -> None:
    response = answer(Asked(range="bytes=50-59, 0-9, -1"))
    assert response.status == 206
    assert header(response, "Content-Range") is None
    assert parts_of(response) == [
        ("bytes 50-59/100", DATA[50:60]),
        ("bytes 0-9/100", DATA[0:10]),
        ("bytes 99-99/100", DATA[99:]),
    ]


@pytest.mark.parametrize("asked", ["bytes=0-9,5-19", "bytes=10-19,0-9", "bytes=0-19,3-4,3-4", "bytes=0-9,10-19"])
def test_ranges_that_touch_become_one(asked: str) -> None:
    response = answer(Asked(range=asked))
    assert header(response, "Content-Range") == "bytes 0-19/100"
    assert response.body == DATA[:20]


def test_some_join_and_some_do_not() -> None:
    assert ranges.parse("bytes=50-59,0-9,55-69", 100) == [Span(0, 10), Span(50, 70)]


def test_too_many_separate_ranges() -> None:
    most = ",".join(f"{2 * number}-{2 * number}" for number in range(PARTS_MAX))
    assert len(parts_of(answer(Asked(range=f"bytes={most}")))) == PARTS_MAX
    with pytest.raises(RangeNotSatisfiable, match=str(PARTS_MAX)):
        answer(Asked(range=f"bytes={most},98-98"))


def test_many_overlapping_ranges_are_sent_once() -> None:
    response = answer(Asked(range="bytes=" + ",".join(["0-99"] * 10_000)))
    assert header(response, "Content-Range") == "bytes 0-99/100"
    assert response.body == DATA


# --- conditions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [ETAG, f"W/{ETAG}", "*", f'"x", {ETAG}', f'"x",W/{ETAG}'])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match(method: str, value: str) -> None:
    response = answer(Asked(method, if_none_match=value, range="bytes=0-9"))
    assert (response.status, response.body) == (304, b"")
    assert header(response, "ETag") == ETAG


@pytest.mark.parametrize("value", ['"other"', "abc", "", '"ab"'])
def test_if_none_match_of_something_else(value: str) -> None:
    assert answer(Asked(if_none_match=value)).status == 200


def test_a_date_decides_nothing() -> None:
    far = "Fri, 31 Dec 2100 23:59:59 GMT"
    assert answer(Asked(if_modified_since=far)).status == 200
    assert answer(Asked(if_range=far, range="bytes=0-9")).status == 200


@pytest.mark.parametrize(("value", "status"), [(ETAG, 206), ('"old"', 200), (f"W/{ETAG}", 200), ("abc", 200)])
def test_if_range_needs_the_strong_tag(value: str, status: int) -> None:
    assert answer(Asked(if_range=value, range="bytes=0-9")).status == status


def test_if_range_without_a_match_hides_a_wrong_range() -> None:
    assert answer(Asked(if_range='"old"', range="bytes=900-")).status == 200


# --- any text, any length -------------------------------------------------------------------------------------------

_numbers = st.integers(0, 130).map(str) | st.just("") | st.just("99999999999999999999999")
_forms = st.tuples(_numbers, _numbers).map("-".join)


def wanted(form: str, length: int) -> set[int]:
    """The bytes of one well-formed range, by the letter of RFC 9110."""
    first, _, last = form.partition("-")
    if not first:
        return set(range(max(0, length - int(last)), length))
    return {place for place in range(length) if int(first) <= place <= (int(last) if last else length)}


@given(st.lists(_forms, min_size=1, max_size=40), st.integers(1, 120))
def test_spans_are_inside_apart_and_cover_what_was_asked(forms: list[str], length: int) -> None:
    try:
        spans = ranges.parse("bytes=" + ",".join(forms), length)
    except (InvalidRange, RangeNotSatisfiable):
        return
    assert spans is not None
    assert 1 <= len(spans) <= PARTS_MAX
    covered = set[int]()
    for span in spans:
        assert 0 <= span.start < span.end <= length
        inside = set(range(span.start, span.end))
        assert not covered & inside, "no byte is sent twice"
        covered |= inside
    assert covered == set[int]().union(*(wanted(form, length) for form in forms))


@given(st.text(max_size=60), st.integers(0, 1000))
def test_no_text_is_a_fault_of_ours(text: str, length: int) -> None:
    for value in (text, f"bytes={text}"):
        with suppress(InvalidRange, RangeNotSatisfiable):
            ranges.parse(value, length)
