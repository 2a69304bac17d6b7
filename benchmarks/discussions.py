"""What reading discussions costs: a long thread, and a long list of them."""

import httpx

from benchmarks.bench import Bench
from benchmarks.reads import cost_ms
from benchmarks.rows import Goal, Row

_REPO = "bench/talk"
_COMMENTS = 1000
_DISCUSSIONS = 500
_TEXT = "Number **{0}**, by @bench about #1: see `code` and [this](http://example.org/{0}).\n\n- one\n- two {0}\n"


def discussions(bench: Bench) -> list[Row]:
    """Rendered comments are kept by what they say, so a thread that somebody looked at costs its rows and its JSON."""
    bench.api.create_repo(_REPO)
    url = f"{bench.hub.endpoint}/api/models/{_REPO}/discussions"
    with httpx.Client(headers={"Authorization": f"Bearer {bench.token}"}, timeout=60) as client:
        for number in range(_DISCUSSIONS):
            body = {"title": f"Question {number}", "description": "Why?"}
            client.post(url, json=body).raise_for_status()
        for number in range(1, _COMMENTS):
            client.post(f"{url}/1/comment", json={"comment": _TEXT.format(number)}).raise_for_status()
    thread = cost_ms(bench, f"{url}/1", times=20)
    listed = cost_ms(bench, f"{url}?status=open&limit={_DISCUSSIONS}", times=50)
    return [
        Row(f"a thread of {_COMMENTS:,} comments", "a GET", [Goal(thread, 100, "ms of CPU")]),
        Row(f"a list of {_DISCUSSIONS} open discussions", "a GET", [Goal(listed, 50, "ms of CPU")]),
    ]
