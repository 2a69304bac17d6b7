"""The renderer as pages use it: results, what is kept, and what bombs cost."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pioche.render.jobs import Links
from pioche.render.renderer import CODE_BYTES_MAX, Renderer, Source
from pioche.render.results import LineKind, Problem

LINKS = Links("/ada/model", "main", host="http://hub.local")


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Renderer]:
    made = Renderer(tmp_path_factory.mktemp("render"), cache_bytes_max=2**24, workers=1)
    yield made
    made.close()


def test_markdown_comes_from_the_cache_the_second_time(tmp_path: Path) -> None:
    loads = list[int]()

    def load() -> bytes:
        loads.append(1)
        return b"# Hello"

    source = Source("abc", load)
    first = Renderer(tmp_path, cache_bytes_max=2**20, workers=1)
    shown = first.markdown(source, LINKS)
    assert [heading.text for heading in shown.headings] == ["Hello"]
    assert first.markdown(source, LINKS) == shown
    first.close()
    second = Renderer(tmp_path, cache_bytes_max=2**20, workers=1)
    assert second.markdown(source, LINKS) == shown, "another process finds it on disk"
    assert loads == [1]
    elsewhere = Links("/bob/model", "main")
    assert second.markdown(source, elsewhere).html == shown.html
    assert loads == [1, 1], "links may differ, so it is another result"
    second.close()


def test_code_is_cut_into_lines_that_stand_alone(renderer: Renderer) -> None:
    code = renderer.code(Source.of(b'x = """a\nb"""\n\nprint(x)\n'), "a.py")
    assert code.language == "Python"
    assert len(code.lines) == 4
    assert all(line.count("<span") == line.count("</span>") for line in code.lines)
    assert code.lines[2] == ""


def test_code_of_an_unknown_kind_and_code_that_is_too_large_are_plain(renderer: Renderer) -> None:
    assert renderer.code(Source.of(b"<b>\n"), "a.xyzzy").lines == ["&lt;b&gt;"]
    large = renderer.code(Source.of(b"<x>\n" * (CODE_BYTES_MAX // 4 + 1)), "a.py")
    assert large.problem is Problem.TOO_LARGE
    assert large.lines[0] == "&lt;x&gt;"
    assert renderer.code(Source.of(b"x = 1 #" + b"x" * 30_000), "a.py").language == ""


def test_marks_of_direction_are_shown(renderer: Renderer) -> None:
    assert "U+202E" in renderer.code(Source.of("a\u202eb".encode()), "a.py").lines[0]


def test_diff_marks_the_words_that_changed(renderer: Renderer) -> None:
    diff = renderer.diff(Source.of(b"a\nhello world all\nc\n"), Source.of(b"a\nhello there all\nc\nd\n"))
    assert (diff.added, diff.removed) == (2, 1)
    lines = diff.hunks[0].lines
    assert [line.kind for line in lines] == [
        LineKind.SAME,
        LineKind.REMOVED,
        LineKind.ADDED,
        LineKind.SAME,
        LineKind.ADDED,
    ]
    assert lines[1].html == "hello <del>world</del> all"
    assert lines[2].html == "hello <ins>there</ins> all"
    assert (lines[4].old, lines[4].new) == (None, 4)


def test_diff_of_new_binary_and_equal_files(renderer: Renderer) -> None:
    assert renderer.diff(Source.empty(), Source.of(b"a\nb\n")).added == 2
    assert renderer.diff(Source.of(b"a\0"), Source.of(b"b\0")).is_binary
    assert renderer.diff(Source.of(b"a\n"), Source.of(b"a\n")).hunks == []
    assert renderer.diff(Source.of(b"a b\n"), Source.of(b"a  b\n"), ignores_space=True).hunks == []


def test_diff_of_many_lines_is_cut(renderer: Renderer) -> None:
    old, new = b"".join(b"a%d\n" % n for n in range(9000)), b"".join(b"b%d\n" % n for n in range(9000))
    diff = renderer.diff(Source.of(old), Source.of(new))
    assert diff.is_cut
    assert diff.added == 9000


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", "nom;âge\nÉmile;3\n"),
        ("a.csv", "nom,âge\nÉmile,3\n"),
        ("a.tsv", "nom\tâge\nÉmile\t3\n"),
        ("a.json", '[{"nom": "Émile", "âge": 3}]'),
        ("a.jsonl", '{"nom": "Émile", "âge": 3}\n'),
    ],
)
def test_tables(renderer: Renderer, name: str, data: str) -> None:
    table = renderer.table(Source.of(data.encode()), name)
    assert table.columns == ["nom", "âge"]
    assert table.rows == [["Émile", "3"]]
    assert table.is_whole


def test_tables_of_a_beginning_leave_the_last_line_out(renderer: Renderer) -> None:
    table = renderer.table(Source.of(b"a,b\n1,2\n3"), "a.csv", is_whole=False)
    assert table.rows == [["1", "2"]]
    assert not table.is_whole


@pytest.mark.parametrize("data", [b'{"a": 1}', b"[1]", b"[" * 100_000, b"\xff\xfe", b""])
def test_what_is_no_table_is_said_to_be_none(renderer: Renderer, data: bytes) -> None:
    assert renderer.table(Source.of(data), "a.json").problem is Problem.UNREADABLE


def test_notebook_shows_cells_and_outputs(renderer: Renderer) -> None:
    cells = [
        {
            "cell_type": "markdown",
            "source": ["# Title\n", "![x](attachment:a.png)"],
            "attachments": {"a.png": {"image/png": "AAAA"}},
        },
        {
            "cell_type": "code",
            "execution_count": 3,
            "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "text": ["\x1b[31mred\x1b[0m\n", "10%\r100%"]},
                {"output_type": "execute_result", "data": {"text/html": "<table><tr><td>7</td></tr></table>"}},
                {"output_type": "display_data", "data": {"image/png": "iVBORw0K\nGgo="}},
                {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[1mboom\x1b[0m"]},
                {"output_type": "display_data", "data": {"application/javascript": "alert(1)"}},
            ],
        },
    ]
    source = json.dumps({"nbformat": 4, "metadata": {"language_info": {"name": "python"}}, "cells": cells}).encode()
    html = renderer.notebook(Source.of(source), LINKS).html
    for part in (
        "<h2",
        'src="data:image/png;base64,AAAA"',
        '<span class="nb">print</span>',
        '<span class="ansi-fg1">red</span>',
        "<td>7</td>",
        'src="data:image/png;base64,iVBORw0KGgo="',
        '<span class="ansi-bold">boom</span>',
        "application/javascript",
    ):
        assert part in html, part
    assert "10%" not in html.replace("100%", "")
    assert "alert" not in html


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"cells": 3}', b"[" * 200_000, b'{"worksheets": [3]}'])
def test_what_is_no_notebook_is_said_to_be_none(renderer: Renderer, data: bytes) -> None:
    assert renderer.notebook(Source.of(data), LINKS).problem is Problem.UNREADABLE


def test_odd_notebooks_are_shown_as_far_as_they_go(renderer: Renderer) -> None:
    odd = [
        {"cell_type": 3},
        7,
        {"cell_type": "code", "source": [1, "x"], "outputs": [3, {"data": 4}, {"output_type": []}]},
    ]
    shown = renderer.notebook(Source.of(json.dumps({"cells": odd, "metadata": []}).encode()), LINKS)
    assert shown.problem is None


def test_d_re_a_bomb_is_shown_as_text_and_tried_once(tmp_path: Path) -> None:
    """800 KB of table take the parser half a minute (reliability.md section 3)."""
    renderer = Renderer(tmp_path, cache_bytes_max=2**24, workers=1)
    bomb = ("|" + "a|" * 200 + "\n|" + "-|" * 200 + "\n" + ("|" + "x|" * 200 + "\n") * 2000).encode()
    assert renderer.markdown(Source.of(bomb), LINKS).problem is Problem.TOO_COSTLY
    pids = renderer.worker_ids()
    again = renderer.markdown(Source.of(bomb), LINKS)
    assert again.problem is Problem.TOO_COSTLY
    assert again.html.startswith('<pre class="md-plain">|a|')
    assert renderer.worker_ids() == pids == [], "nobody worked for it again"
    assert "<strong>fine</strong>" in renderer.markdown(Source.of(b"**fine**"), LINKS).html
    renderer.close()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000,
        "*a **b " * 4_000,
        "`" * 30_000 + "a" + "`" * 29_999,
        ">" * 10_000,
        "- " * 20_000,
        "$$" + "{" * 3_000 + "$$",
        "\\\\(" + "\\frac{" * 1_000 + "\\\\)",
        "<a " * 30_000,
        "<" * 100_000,
        "<div>" * 6_000,
        "![](" * 4_000,
        "[x]: /a\n" * 20_000 + "[x]",
        "[^1]" * 5_000 + "\n\n[^1]: x",
        "a" * 900_000,
        "http://" * 5_000,
        ":a" * 100_000,
        "&" * 100_000,
        "\x00\ufffe\ud7ff" * 1000,
        "---\n" * 10_000,
        "```" * 30_000,
    ],
    ids=[str(number) for number in range(20)],
)
def test_d_re_hostile_texts_give_an_answer(renderer: Renderer, text: str) -> None:
    shown = renderer.markdown(Source.of(text.encode()), LINKS)
    assert shown.problem in (None, Problem.TOO_COSTLY)
    assert shown.html or not text.strip("-\n")


def test_memory_is_limited(renderer: Renderer) -> None:
    nested = b'{"cells": [' + b"[" * 5_000_000 + b"]}"
    assert renderer.notebook(Source.of(nested), LINKS).problem in (Problem.UNREADABLE, Problem.TOO_COSTLY)


def test_the_cache_keeps_to_its_size(tmp_path: Path) -> None:
    renderer = Renderer(tmp_path, cache_bytes_max=12_000, workers=1)
    for number in range(40):
        renderer.code(Source.of(b"".join(b"x%d = %d\n" % (n * number, n) for n in range(200))), "a.py")
    renderer.close()
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*")) <= 15_000


def test_damaged_and_deleted_caches_are_made_again(tmp_path: Path) -> None:
    for damage in (Path.unlink, lambda path: path.write_bytes(b"junk")):
        renderer = Renderer(tmp_path, cache_bytes_max=2**20, workers=1)
        shown = renderer.code(Source.of(b"x = 1"), "a.py")
        renderer.close()
        for path in tmp_path.glob("*/*"):
            damage(path)
        renderer = Renderer(tmp_path, cache_bytes_max=2**20, workers=1)
        assert renderer.code(Source.of(b"x = 1"), "a.py") == shown
        renderer.close()
