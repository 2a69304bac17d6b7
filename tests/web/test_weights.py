"""What model pages say of weights (ui.md M3, M4, and F3 of GGUF files)."""

import json
import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.web.town import Town
from tests.web.visits import Visits
from tests.weights import Gguf, llama, safetensors


def large_vocabulary() -> bytes:
    """A header of more than four megabytes, as large models have."""
    model = Gguf().string("general.architecture", "llama")
    model.strings("tokenizer.ggml.tokens", [f"token-{number:06}" + "x" * 40 for number in range(80_000)])
    return model.tensor("output.weight", [8, 4], 0, size=128).bytes()


def test_m3_precisions_of_gguf_files_lead_to_their_headers(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    parts = {f"small-Q4_K_M-0000{number}-of-00002.gguf": llama().bytes() for number in (1, 2)}
    town.repo("ada/precise", {"README.md": "# Precise\n", "small-Q8_0.gguf": llama().bytes(), **parts})
    page = visit("/ada/precise")
    rows = page.locator(".precisions tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("Q4_K_M")
    expect(rows.nth(0).locator("td").first).to_have_text("4")
    expect(rows.nth(1).locator("td").first).to_have_text("8")
    accessible(page)
    rows.nth(1).get_by_role("link", name="Q8_0").click()
    page.wait_for_url("**/ada/precise/blob/main/small-Q8_0.gguf")
    expect(page.locator(".weights")).to_contain_text("general.architecture")


def test_f3_a_gguf_file_lists_its_tensors_however_large_its_vocabulary_is(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    town.repo("ada/tensors", {"small.gguf": llama().bytes(), "large.gguf": large_vocabulary()})
    page = visit("/ada/tensors/blob/main/small.gguf")
    rows = page.locator(".weights tbody tr").filter(has=page.locator("td"))
    table = page.get_by_role("region", name="Tensors").locator("tbody tr")
    expect(table).to_have_count(2)
    expect(table.nth(1)).to_contain_text("4 × 4")
    expect(rows.first).to_be_visible()
    accessible(page)
    page.get_by_role("searchbox", name="Filter tensors by name").fill("b")
    expect(table.nth(0)).to_be_hidden()
    page = visit("/ada/tensors/blob/main/large.gguf")
    expect(page.get_by_role("region", name="Tensors")).to_contain_text("output.weight")


def test_m2_tensors_are_a_tree_that_is_opened_and_searched(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    """Of all files of a model with three thousand tensors; what does not fit into the page comes when it is opened."""
    parts = {
        f"model-0000{part}-of-00002.safetensors": {
            f"model.layers.{n}.{m}.weight": ("F32", [2, 3]) for n in layers for m in range(50)
        }
        for part, layers in ((1, range(30)), (2, range(30, 60)))
    }
    index = {"weight_map": {name: part for part, tensors in parts.items() for name in tensors}}
    town.repo("ada/sharded", {"README.md": "# Sharded\n", "model.safetensors.index.json": json.dumps(index)})
    town.commit("ada/sharded", {name: safetensors(tensors) for name, tensors in parts.items()})
    page = visit("/ada/sharded?show_tensors=model.safetensors.index.json")
    tree = page.locator(".tensor-tree")
    layers = tree.locator("summary", has_text="model.layers")
    expect(layers).to_contain_text(re.compile(r"3,000 tensors · 18\sK · 72\skB"))
    expect(tree.locator("li")).to_have_count(1)
    layers.click()
    expect(tree.locator("details details")).to_have_count(60)
    last = tree.locator("details details").last
    last.locator("summary").click()
    expect(last.locator(".tensor")).to_have_count(50)
    expect(last.locator(".tensor").first).to_contain_text("2 × 3")
    accessible(page)
    page.get_by_role("searchbox", name="Filter by name").fill("layers.7.49")
    expect(tree.locator(".tensor")).to_have_count(1)
    expect(tree).to_contain_text("model.layers.7.49.weight")
    plain = visit("/ada/sharded?show_tensors=true", scripts=False, width=360)
    plain.locator(".tensor-tree summary").click()
    plain.get_by_role("link", name="Show these tensors").click()
    expect(plain.locator(".tensor-tree > ul > li")).to_have_count(60)
    plain.get_by_text("By file").click()
    plain.get_by_role("link", name="model-00002-of-00002.safetensors").click()
    expect(plain.locator("#tensor-rows > p")).to_contain_text("1,500 tensors")
    assert plain.evaluate("document.documentElement.scrollWidth") <= 360
    plain.get_by_role("searchbox", name="Filter by name").fill("nothing of it")
    plain.get_by_role("searchbox", name="Filter by name").press("Enter")
    expect(plain.get_by_text("No tensor has this in its name.")).to_be_visible()
    plain.goto(plain.url.partition("?")[0] + "?show_tensors=model-00002-of-00002.safetensors")
    plain.get_by_role("link", name="The tensors of all files").click()
    expect(plain.locator("#tensor-rows > p")).to_contain_text("3,000 tensors")


TEMPLATE = "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }} {% endfor %}<b>"
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('No system') }}{% endif %}{{ messages | length }} said"
)
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


def talker(visit: Visits, town: Town, name: str, template: str) -> Page:
    """The page of a model with this template, opened there."""
    tokenizer = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": template}
    files = {
        "README.md": "# Talks\n",
        "config.json": '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}',
        "tokenizer_config.json": json.dumps(tokenizer),
        "model.gguf": llama().bytes(),
    }
    town.repo(name, files)
    page = visit(f"/{name}")
    for _ in range(60):  # a job reads the header
        if page.get_by_text("Chat template and special tokens").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    page.get_by_text("Chat template and special tokens").click()
    return page


def test_m4_the_chat_template_and_the_special_tokens(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    page = talker(visit, town, "ada/talks", TEMPLATE)
    expect(page.locator(".chat-template").first).to_have_text(TEMPLATE)
    expect(page.locator("details", has_text="Chat template")).to_contain_text("</s>")
    example = page.locator("chat-example pre")
    expect(example).to_contain_text("<s>[system] You are a helpful assistant. [user] Hello, who are you?")
    expect(example).to_contain_text("<b>")
    accessible(page)


def test_m4_a_template_without_a_system_message_and_one_without_an_end(visit: Visits, town: Town) -> None:
    page = talker(visit, town, "ada/shy", NO_SYSTEM)
    expect(page.locator("chat-example pre")).to_have_text("3 said")
    page = talker(visit, town, "ada/endless", ENDLESS)
    expect(page.locator("chat-example pre")).to_have_text("It cannot be rendered: it takes too long")
