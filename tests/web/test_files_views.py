"""Files with an inside in Chromium (ui.md F3): each is shown as what it is, and what is hostile in it is only text."""

import io
import json
import zipfile
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.binary_files import onnx, parquet, png
from tests.web.town import Town
from tests.web.visits import Visits

PWNED = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def inside(town: Town) -> None:
    """A repo with files of the kinds that are looked into; names and texts in them are hostile."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("in/picture.png", png(8, 8, b"\xff\0\0"))
        archive.writestr(f"in/{PWNED}.txt", PWNED)
    tokenizer = {
        "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
        "normalizer": {"type": PWNED},
        "added_tokens": [{"id": 1, "content": PWNED, "special": True}],
    }
    town.repo("ada/inside", {"README.md": "# Inside\n"}, kind="dataset")
    town.commit(
        "ada/inside",
        {
            "t.parquet": parquet({"n": [1, 2], PWNED: [PWNED, "é"]}),
            "m.onnx": onnx(operators=["Conv", PWNED]),
            "tokenizer.json": json.dumps(tokenizer).encode(),
            "config.json": json.dumps({"model_type": "bert", "hidden_size": 768, "x": PWNED}).encode(),
            "a.pdf": b"%PDF-1.7\n<</Type /Pages /Count 2>> <</S /JavaScript /JS (app.alert(1))>>",
            "z.zip": packed.getvalue(),
            "w.pkl": b"\x80\x02cos\nsystem\nccollections\nOrderedDict\ncmine\nthing\n.",
        },
        kind="dataset",
    )


@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("fr", "dark")])
def test_f3_files_with_an_inside(
    visit: Visits, town: Town, inside: None, accessible: Callable[[Page], None], lang: str, theme: str
) -> None:
    page = visit("/datasets/ada/inside/tree/main", lang=lang, theme=theme)
    shown = {
        "t.parquet": PWNED, "m.onnx": PWNED, "tokenizer.json": PWNED, "config.json": "hidden_size", "a.pdf": "PDF 1.7",
        "z.zip": PWNED, "w.pkl": "os.system",
    }  # fmt: skip
    for path, text in shown.items():
        page.goto(f"/datasets/ada/inside/blob/main/{path}")
        expect(page.get_by_text(text).first).to_be_visible()
        assert page.locator("img[src=x]").count() == 0
        accessible(page)


def test_f3_parquet_has_its_schema_and_first_rows(visit: Visits, inside: None) -> None:
    page = visit("/datasets/ada/inside/blob/main/t.parquet")
    expect(page.get_by_role("region", name="First rows").get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("region", name="Schema").get_by_role("row")).to_have_count(3)
    page.get_by_label("Filter columns by name").fill("img")
    expect(page.get_by_role("region", name="Schema").locator("tbody tr:visible")).to_have_count(1)


def test_f3_onnx_says_what_it_takes_and_gives(visit: Visits, inside: None) -> None:
    page = visit("/datasets/ada/inside/blob/main/m.onnx")
    expect(page.get_by_role("region", name="Inputs").get_by_role("row", name="x float32 batch × 3")).to_be_visible()
    expect(page.get_by_role("region", name="Outputs").get_by_role("row", name="y float16")).to_be_visible()
    expect(page.get_by_text("pytorch 2.4")).to_be_visible()


def test_f3_a_tokenizer_in_three_views(visit: Visits, inside: None) -> None:
    page = visit("/datasets/ada/inside/blob/main/tokenizer.json")
    expect(page.get_by_role("region", name="Added tokens")).to_contain_text("special")
    page.get_by_role("link", name="Tree").click()
    page.locator(".json-tree summary").first.click()
    expect(page.locator(".json-tree > ul > li > details")).not_to_have_attribute("open", "")
    page.get_by_role("link", name="Code", exact=True).click()
    expect(page.locator("code-view")).to_contain_text('"added_tokens"')
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("region", name="Overview")).to_contain_text("BPE")


def test_f3_members_of_an_archive_are_shown(visit: Visits, inside: None) -> None:
    page = visit("/datasets/ada/inside/blob/main/z.zip")
    page.get_by_role("link", name="in/picture.png").click()
    page.wait_for_function("document.querySelector('image-zoom img')?.naturalWidth === 8")
    page.get_by_role("link", name="All members of the archive").click()
    page.get_by_role("link", name=PWNED).click()
    expect(page.locator("code-view")).to_have_text(PWNED)


def test_f3_imports_of_a_pickle_have_colours(visit: Visits, inside: None) -> None:
    page = visit("/datasets/ada/inside/blob/main/w.pkl")
    kinds = page.locator(".imports tbody tr").evaluate_all("rows => rows.map(row => row.dataset.import)")
    assert kinds == ["dangerous", "harmless", "unknown"]
    colours = page.locator(".imports .mark").evaluate_all("marks => marks.map(mark => getComputedStyle(mark).color)")
    assert len(set(colours)) == 3


def _pdf(pages: int) -> bytes:
    """One word and a black square on each page, and a program that would run when it is opened."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(pages))
    objects = [
        "<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>",
        f"<</Type/Pages/Kids[{kids}]/Count {pages}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number in range(pages):
        drawn = f"0 0 0 rg 20 20 60 60 re f BT /F1 24 Tf 20 150 Td (Word{number + 1}) Tj ET"
        shape = "/MediaBox[0 0 200 200]/Resources<</Font<</F1 3 0 R>>>>"
        objects.append(f"<</Type/Page/Parent 2 0 R{shape}/Contents {5 + 2 * number} 0 R>>")
        objects.append(f"<</Length {len(drawn)}>>\nstream\n{drawn}\nendstream")
    made, places = b"%PDF-1.4\n", list[int]()
    for number, body in enumerate(objects, start=1):
        places.append(len(made))
        made += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{len(made)}\n%%EOF\n"
    return made + end.encode()


@pytest.mark.parametrize(("lang", "theme", "name"), [("en", "light", "Page 2 of 40"), ("fr", "dark", "Page 2 sur 40")])
def test_f3_pages_of_a_pdf_are_drawn_when_they_are_looked_at(
    visit: Visits, town: Town, inside: None, accessible: Callable[[Page], None], lang: str, theme: str, name: str
) -> None:
    if "ada/paper" not in town.repos:
        town.repo("ada/paper", {"README.md": "# Paper\n"})
        town.commit("ada/paper", {"paper.pdf": _pdf(40), "broken.pdf": b"%PDF-1.4\nnothing of it"})
    page = visit("/ada/paper/blob/main/paper.pdf", lang=lang, theme=theme)
    pages = page.locator(".pdf-page")
    expect(pages).to_have_count(40)
    expect(pages.first.locator("canvas")).to_be_visible()
    expect(pages.first).to_contain_text("Word1")
    inked = (
        "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].some((v, i) => i % 4 < 3 && v < 50)"
    )
    assert pages.first.locator("canvas").evaluate(inked)
    expect(pages.last.locator("canvas")).to_have_count(0)
    pages.last.scroll_into_view_if_needed()
    expect(pages.last).to_contain_text("Word40")
    expect(page.get_by_role("group", name=name)).to_have_count(1)
    accessible(page)
    broken = visit("/ada/paper/blob/main/broken.pdf", lang=lang, theme=theme)
    expect(broken.locator("pdf-view[data-failed] .file-note")).to_be_visible()
    plain = visit("/ada/paper/blob/main/paper.pdf", scripts=False, width=360)
    expect(plain.locator("pdf-view .file-note")).to_be_visible()
    assert plain.evaluate("document.documentElement.scrollWidth") <= 360


def test_f3_f_raw_a_pdf_is_told_about_and_downloaded_never_opened(visit: Visits, town: Town, inside: None) -> None:
    page = visit("/datasets/ada/inside/blob/main/a.pdf")
    expect(page.locator("dl.facts").first).to_contain_text("yes")
    assert page.locator("iframe, embed, object").count() == 0
    with page.expect_download() as download:
        page.get_by_role("main").get_by_role("link", name="Download").last.click()
    assert download.value.suggested_filename == "a.pdf"
