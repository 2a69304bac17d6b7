"""The form that asks a model on its page (ui.md M6)."""

import base64
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import encoders, writers
from tests.web.town import Town
from tests.web.visits import Visits

_READS = 60
LATE_STATE = """
const send = window.fetch;
const told = new Promise((tell) => { window.tellState = tell; });
window.fetch = async (address, ...rest) => {
  const response = await send(address, ...rest);
  if (String(address).endsWith("/info")) await told;
  return response;
};
"""
"""What `/info` answers reaches the page only when `tellState` is called."""
WORDS = {"good": [0, 4], "bad": [4, 0], "film": [0, 0]}
CLASSIFIER = encoders.classifier(WORDS, ["NEGATIVE", "POSITIVE"])
TAGGER = encoders.tagger({"Ada": [0, 9], "sleeps": [9, 0]}, ["O", "B-PER"])
EMBEDDER = encoders.embedder({"cat": [1.0, 0.0], "dog": [0.6, 0.8]})
GAP_FILLER = encoders.gap_filler({"[MASK]": [0, 0, 0, 0, 0, 9, 1], "cat": [0] * 7, "dog": [0] * 7})
READER = encoders.reader({"Paris": [9, 9], "where": [0, 0], "in": [0, 0]})


def card(task: str, widget: str = "") -> str:
    return f"---\npipeline_tag: {task}\n{widget}---\n# A model\n"


def answer(page: Page) -> str:
    return page.get_by_role("region", name="What the model says").inner_text()


def test_m6_a_model_is_asked_with_the_keyboard_alone(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    widget = "widget:\n- text: a bad film\n  example_title: Blame\n- text: a good film\n  example_title: Praise\n"
    town.repo("ada/sentiment", {"README.md": card("text-classification", widget), **CLASSIFIER})
    page = visit("/ada/sentiment")
    widget_form = page.locator("model-widget")
    expect(widget_form.get_by_role("status")).to_have_text("Not in memory: the first answer takes a few seconds.")
    expect(widget_form.get_by_label("Text")).to_have_value("a bad film")
    widget_form.get_by_label("Examples").select_option(label="Praise")
    expect(widget_form.get_by_label("Text")).to_have_value("a good film")
    widget_form.get_by_label("Text").focus()
    page.keyboard.press("Control+Enter")
    expect(widget_form.locator(".widget-bars li").first).to_contain_text("POSITIVE", timeout=60_000)
    expect(widget_form.get_by_role("meter").first).to_have_attribute("value", re.compile(r"0\.9"))
    expect(widget_form.get_by_role("status")).to_contain_text("Answered in")
    widget_form.get_by_label("Text").fill("a bad film")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(widget_form.locator(".widget-bars li").first).to_contain_text("NEGATIVE")
    accessible(page)
    page = visit("/ada/sentiment", lang="fr", theme="dark", width=360)
    expect(page.locator("model-widget").get_by_role("status")).to_have_text("En mémoire.")
    page.get_by_role("button", name="Interroger").click()
    expect(page.locator(".widget-bars li").first).to_contain_text("NEGATIVE")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    accessible(page)


def test_m6_how_the_model_is_does_not_take_the_place_of_how_long_it_took(visit: Visits, town: Town) -> None:
    """A question about the model's state that is answered after the model itself."""
    town.repo("ada/feelings", {"README.md": card("text-classification"), **CLASSIFIER})
    page = visit("/ada/feelings")
    page.add_init_script(LATE_STATE)
    page.reload()
    widget_form = page.locator("model-widget")
    widget_form.get_by_label("Text").fill("a good film")
    widget_form.get_by_role("button", name="Ask").click()
    expect(widget_form.get_by_role("status")).to_contain_text("Answered in", timeout=60_000)
    page.evaluate("tellState()")
    page.evaluate("new Promise((done) => setTimeout(done, 100))")
    expect(widget_form.get_by_role("status")).to_contain_text("Answered in")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("running", "It is being exported to ONNX, to answer faster."),
        ("done", "It runs on ONNX Runtime, exported from its weights."),
        ("The answers differ", "It was not exported to ONNX: The answers differ"),
        (None, ""),
    ],
)
def test_m6_how_the_export_of_a_model_goes_is_told(visit: Visits, town: Town, state: str | None, said: str) -> None:
    """What `/info` says is faked here: torch exports in minutes, and CI has none (tests/protocols/test_exports.py has)."""
    name = f"ada/exports-{(state or 'none').split()[0].lower()}"
    town.repo(name, {"README.md": card("text-classification"), **CLASSIFIER})
    page = visit(f"/{name}")
    page.route("**/info", lambda route: route.fulfill(json={"state": "ready", "export": state}))
    page.reload()
    note = page.locator("model-widget .widget-export")
    if said:
        expect(note).to_have_text(said)
    else:
        expect(page.locator("model-widget").get_by_role("status")).to_have_text("In memory.")
        expect(note).to_be_hidden()


@pytest.mark.parametrize(
    ("task", "files", "fields", "expected"),
    [
        ("token-classification", TAGGER, {"Text": "Ada sleeps"}, "PER"),
        ("fill-mask", GAP_FILLER, {"Text with a gap": "[MASK] sleeps"}, "cat"),
        ("question-answering", READER, {"Question": "where", "The text it is found in": "in Paris in"}, "Paris"),
        ("feature-extraction", EMBEDDER, {"Text": "dog"}, "0.6000, 0.8000"),
        (
            "sentence-similarity",
            EMBEDDER,
            {"Sentence": "cat", "Sentences to compare it with": "dog\ncat"},
            "dog\n60%",
        ),
    ],
)
def test_m6_each_task_has_its_form_and_its_answer(
    visit: Visits, town: Town, task: str, files: encoders.Files, fields: dict[str, str], expected: str
) -> None:
    town.repo(f"ada/{task}", {"README.md": card(task), **files})
    page = visit(f"/ada/{task}", who=town.ada)
    form = page.locator("model-widget")
    for label, text in fields.items():
        form.get_by_label(label, exact=True).fill(text)
    form.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("region", name="What the model says")).to_be_visible(timeout=60_000)
    assert expected in answer(page)


@pytest.mark.parametrize("template", [writers.TEMPLATE, None], ids=["chat", "text-generation"])
def test_m6_an_answer_is_shown_while_it_is_written(visit: Visits, town: Town, template: str | None) -> None:
    name = "ada/chatter" if template else "ada/storyteller"
    town.repo(name, {"README.md": card("text-generation"), "model-Q8_0.gguf": writers.writer(template)})
    page = visit(f"/{name}", session=town.session(town.ada))
    form = page.locator("model-widget")
    for _ in range(_READS):  # the template is read from the file in the background
        if not template or form.get_attribute("data-task") == "chat":
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(form).to_have_attribute("data-task", "chat" if template else "text-generation")
    form.get_by_label("Text", exact=True).fill("stuvw")
    form.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("region", name="What the model says")).to_have_text("xyz", timeout=60_000)
    expect(form.get_by_role("status")).to_contain_text("Answered in")
    expect(form.get_by_role("button", name="Stop")).to_be_hidden()


def test_m6_two_revisions_answer_side_by_side(visit: Visits, town: Town) -> None:
    """Issue 6, item 7: each side writes, says how fast, and remembers its own conversation."""
    files = {"README.md": card("text-generation"), "model-Q8_0.gguf": writers.writer()}
    town.repo("ada/pair", files)
    page = visit("/inference/chat?a=ada/pair&b=ada/pair@main", session=town.session(town.ada))
    for asked in ("stuvw", "rstuv"):
        page.get_by_label("Message", exact=True).fill(asked)
        page.get_by_role("button", name="Send").click()
        for side in page.locator(".playground-speed").all():
            expect(side).to_contain_text("tokens/s", timeout=60_000)
            expect(side).to_contain_text("first token after")
    for talk in page.get_by_role("log").all():
        expect(talk.locator(".playground-user")).to_have_text(["stuvw", "rstuv"])
        expect(talk.locator(".playground-assistant").first).to_have_text("xyz")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".playground-said")).to_have_count(0)


def test_usage_is_shown_to_who_asked_and_to_the_organisation(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    """Issue 6, item 7. Numbers are written every ten seconds."""
    town.repo("lab/mood", {"README.md": card("text-classification"), **CLASSIFIER})
    session = town.session(town.ada)
    for _ in range(2):
        page = visit("/lab/mood", session=session)
        page.get_by_role("button", name="Ask").click()
        expect(page.locator(".widget-bars li").first).to_be_visible(timeout=60_000)
    for address in ("/settings/inference", "/organizations/lab/settings/inference"):
        page = visit(address, session=session)
        asked = page.get_by_role("row", name="lab/mood").get_by_role("cell").nth(1)
        for _ in range(_READS):
            if asked.count() and asked.text_content() == "2":
                break
            page.wait_for_timeout(500)
            page.reload()
        expect(asked).to_have_text("2")
        accessible(page)
    assert visit("/organizations/lab/settings/inference", session=town.session(town.bob), status=403)


@pytest.mark.parametrize(("lang", "theme", "width"), [("en", "light", 1280), ("fr", "dark", 360)])
def test_m6_the_playground_in_both_languages_and_themes(
    visit: Visits, town: Town, accessible: Callable[[Page], None], lang: str, theme: str, width: int
) -> None:
    town.repo(f"ada/pair-{lang}", {"README.md": card("text-generation"), "model-Q8_0.gguf": writers.writer()})
    page = visit(f"/inference/chat?a=ada/pair-{lang}&b=ada/pair-{lang}", lang=lang, theme=theme, width=width)
    page.locator("summary", has_text={"en": "Settings", "fr": "Réglages"}[lang]).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    accessible(page)


def test_m6_what_cannot_be_talked_to_says_why(visit: Visits, town: Town) -> None:
    town.repo("ada/silent", {"README.md": card("text-classification"), **CLASSIFIER})
    for name, says in (
        ("ada/nothing", "There is no such model, or it is private"),
        ("ada/silent@nowhere", "There is no such model, or it is private"),
        ("ada/silent", "This model does not chat"),
    ):
        page = visit(f"/inference/chat?a={name}", status=404)
        expect(page.get_by_label("First model")).to_have_accessible_description(says)
        expect(page.locator("chat-playground")).to_have_count(0)


def test_m6_a_session_asks_and_a_refusal_is_said(visit: Visits, town: Town) -> None:
    broken = {**CLASSIFIER, "onnx/model.onnx": b"not a network"}
    town.repo("ada/broken", {"README.md": card("text-classification"), **broken}, private=True)
    page = visit("/ada/broken", session=town.session(town.ada))
    visit.guard.expected.add(f"{visit.endpoint}/models/ada/broken")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("model-widget").get_by_role("status")).to_contain_text(
        "weights cannot be loaded", timeout=60_000
    )
    page = visit("/ada/broken", session=town.session(town.ada))
    expect(page.locator("model-widget").get_by_role("status")).to_contain_text("It could not be started")


def test_m6_what_cannot_be_asked_has_no_form(visit: Visits, town: Town) -> None:
    town.repo("ada/bare", {"README.md": card("text-classification")})
    page = visit("/ada/bare")
    expect(page.get_by_role("heading", name="A model")).to_be_visible()
    expect(page.locator("model-widget")).to_have_count(0)
    plain = visit("/ada/sentiment", scripts=False)
    expect(plain.locator("model-widget")).to_be_hidden()


def test_m6_pictures_and_sound_are_asked_about(
    visit: Visits, town: Town, accessible: Callable[[Page], None], tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from tests import checkpoints

    for task, make in (
        ("object-detection", checkpoints.detector),
        ("audio-classification", checkpoints.sound_classifier),
    ):
        (tmp_path / task).mkdir()
        make(tmp_path / task)
        files: dict[str, str | bytes] = {path.name: path.read_bytes() for path in (tmp_path / task).iterdir()}
        town.repo(f"ada/{task}", {**files, "README.md": card(task)})
    (tmp_path / "red.png").write_bytes(base64.b64decode(checkpoints.picture()))
    (tmp_path / "tone.wav").write_bytes(base64.b64decode(checkpoints.tone()))
    page = visit("/ada/audio-classification", who=town.ada)
    page.get_by_label("Recording").set_input_files(tmp_path / "tone.wav")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".widget-bars li")).to_have_count(2, timeout=90_000)
    accessible(page)
    page = visit("/ada/object-detection", who=town.ada, lang="fr", theme="dark", width=360)
    page.get_by_label("Image", exact=True).set_input_files(tmp_path / "red.png")
    page.get_by_role("button", name="Interroger").click()
    expect(page.get_by_text("Rien n’a été trouvé").or_(page.locator(".widget-boxes rect").first)).to_be_visible(
        timeout=90_000
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    accessible(page)


def test_m6_pictures_are_drawn_and_videos_and_pictures_talked_about(
    visit: Visits, town: Town, accessible: Callable[[Page], None], tmp_path: Path
) -> None:
    for package in ("torch", "transformers", "diffusers"):
        pytest.importorskip(package)
    from tests import checkpoints

    for task, make in (
        ("text-to-image", checkpoints.painter),
        ("video-classification", checkpoints.watcher),
        ("image-text-to-text", checkpoints.looker),
    ):
        folder = tmp_path / task
        folder.mkdir()
        make(folder)
        found = (path for path in folder.rglob("*") if path.is_file())
        files: dict[str, str | bytes] = {str(path.relative_to(folder)): path.read_bytes() for path in found}
        town.repo(f"ada/{task}", {**files, "README.md": card(task)})
    (tmp_path / "red.png").write_bytes(base64.b64decode(checkpoints.picture()))
    (tmp_path / "film.mp4").write_bytes(base64.b64decode(checkpoints.video()))
    page = visit("/ada/text-to-image", who=town.ada)
    page.get_by_label("Text", exact=True).fill("a good cat")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_alt_text("a good cat")).to_be_visible(timeout=90_000)
    accessible(page)
    page = visit("/ada/video-classification", who=town.ada, lang="fr", theme="dark", width=360)
    page.get_by_label("Vidéo", exact=True).set_input_files(tmp_path / "film.mp4")
    page.get_by_role("button", name="Interroger").click()
    expect(page.locator(".widget-bars li")).to_have_count(2, timeout=90_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    accessible(page)
    page = visit("/ada/image-text-to-text", who=town.ada)
    page.get_by_label("Picture", exact=True).set_input_files(tmp_path / "red.png")
    page.get_by_label("Question").fill("a cat")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".widget-state")).to_contain_text("Answered in", timeout=90_000)
    accessible(page)
