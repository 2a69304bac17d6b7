"""What pages and their neighbours hold that needs no browser to be seen (ui.md H, G8, G15, R4, M, CARD)."""

import json
import re
from urllib.parse import urlencode
from xml.etree import ElementTree

from pioche.upkeep import welcoming
from pioche.upkeep.welcoming import Welcome
from tests.local import LocalHub
from tests.weights import safetensors

ATOM = {"a": "http://www.w3.org/2005/Atom"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
FRENCH = {"accept-language": "fr"}


def test_h_the_front_page_says_what_the_administrators_say(local: LocalHub) -> None:
    assert "Dig where you stand." in local.client.get("/").text
    words = Welcome({"en": "City <archives>", "fr": "Archives"}, {"en": "Ours.", "fr": "Les nôtres."})
    welcoming.welcome(local.hub.database, words)
    page = local.client.get("/").text
    assert '<h1 translate="no">City &lt;archives&gt;</h1>' in page
    assert "Dig where you stand." not in page
    assert "Les nôtres." in local.client.get("/", headers=FRENCH).text
    welcoming.welcome(local.hub.database, None)
    assert "Dig where you stand." in local.client.get("/").text


def test_g8_feeds_of_new_repos_hold_what_everybody_may_see(local: LocalHub) -> None:
    ada, bob = local.user("ada"), local.user("bob")
    local.create_repo(ada, "ada/open")
    local.create_repo(ada, "ada/closed", private=True)
    local.create_repo(bob, "bob/other")
    answer = local.client.get("/models.atom", token=ada.token, headers=FRENCH)
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = ElementTree.fromstring(answer.text)
    assert feed.findtext("a:title", namespaces=ATOM) == "Nouveaux modèles · Pioche"
    ids = {entry.findtext("a:id", namespaces=ATOM) for entry in feed.findall("a:entry", ATOM)}
    assert ids == {"http://localhost:8000/ada/open", "http://localhost:8000/bob/other"}
    assert 'href="/models.atom?author=bob"' in local.client.get("/models?author=bob").text
    assert local.client.get("/models.atom?author=bob").text.count("<entry>") == 1
    assert local.client.get("/datasets.atom").text.count("<entry>") == 0


def test_g15_empty_pages_say_the_next_command_for_this_host(local: LocalHub) -> None:
    ada = local.user("ada")
    for path, command in (
        ("/models", "HF_ENDPOINT=http://localhost:8000 hf upload ada/my-model ."),
        ("/datasets", "HF_ENDPOINT=http://localhost:8000 hf upload ada/my-dataset . --repo-type dataset"),
        ("/", "hf upload ada/my-model ./my-model"),
    ):
        assert command in local.client.get(path, token=ada.token).text


def test_r4_the_clone_dialog_has_every_way(local: LocalHub) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/closed", private=True)
    page = local.client.get("/ada/closed", token=ada.token).text
    for command in (
        "HF_ENDPOINT=http://localhost:8000 hf download ada/closed",
        "git lfs install\ngit clone http://localhost:8000/ada/closed",
        "git xet install\ngit clone http://localhost:8000/ada/closed",
        "GIT_LFS_SKIP_SMUDGE=1 git clone http://localhost:8000/ada/closed",
    ):
        assert f"<code>{command}</code>" in page
    assert "This repository asks for a token" in page


CARD = """---
license: mti
language: frr-nonsense
pipeline_tag: [1]
---
# Card
"""


def test_card2_card5_card6_what_is_wrong_is_named_to_writers_and_before_it_is_committed(local: LocalHub) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/model")
    commit = local.commit(ada, "ada/model", {"README.md": CARD.encode()})
    page = local.client.get("/ada/model", token=ada.token).text
    assert "&#34;license&#34; (line 2)" in page
    assert "did you mean &#39;mit&#39;?" in page
    assert "&#34;pipeline_tag&#34; (line 4)" in page
    assert "<h2" in page
    assert "(line 2)" not in local.client.get("/ada/model").text  # for those who may mend it
    fields = {"path": "README.md", "old_path": "README.md", "parent": commit, "action": "preview"}
    fields["content"] = CARD.replace("mti", "mit").replace("frr-nonsense", "fr")
    sent = urlencode(fields).encode()
    preview = local.client.post("/ada/model/edit/main/README.md", token=ada.token, body=sent, headers=FORM).text
    assert "1 thing in the metadata to mend" in preview
    assert "&#34;pipeline_tag&#34; (line 4)" in preview
    assert "(line 2)" not in preview


def test_card3_a_card_without_metadata_says_what_is_missing(local: LocalHub) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/bare")
    local.commit(ada, "ada/bare", {"README.md": b"# Bare\n"})
    page = local.client.get("/ada/bare", token=ada.token).text
    assert 'href="/ada/bare/card">Complete the metadata' in page
    assert re.search(r"\d+ things are missing", page)


def test_card8_links_of_a_card_stay_in_the_repo_and_on_this_host(local: LocalHub) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/linked")
    text = "# Linked\n\n[a](docs/a.md) ![b](b.png) [c](#linked) [d](http://localhost:8000/ada/other)\n"
    local.commit(ada, "ada/linked", {"README.md": text.encode()})
    page = local.client.get("/ada/linked").text
    assert 'href="/ada/linked/blob/main/docs/a.md"' in page
    assert 'src="/ada/linked/resolve/main/b.png"' in page
    assert re.search(r'href="(?:http://localhost:8000)?/ada/other"', page)
    assert 'href="#md-linked"' in page


def test_m2_parameters_are_the_sum_over_the_files_of_the_index(local: LocalHub) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/sharded")
    shards = {
        "model-00001-of-00002.safetensors": safetensors({"a.weight": ("F32", [30, 40]), "a.bias": ("F32", [40])}),
        "model-00002-of-00002.safetensors": safetensors({"b.weight": ("BF16", [50, 60])}),
    }
    names = {"a.weight": 1, "a.bias": 1, "b.weight": 2}
    index = {"weight_map": {name: f"model-0000{part}-of-00002.safetensors" for name, part in names.items()}}
    local.commit(ada, "ada/sharded", {"model.safetensors.index.json": json.dumps(index).encode()}, large=shards)
    whole = local.client.get("/ada/sharded?show_tensors=model.safetensors.index.json").text
    assert "3 tensors" in whole
    one = local.client.get("/ada/sharded?show_tensors=model-00002-of-00002.safetensors").text
    assert "1 tensor" in one
    assert "50 × 60" in one
    told = local.client.get("/api/models/ada/sharded/safetensors")
    if told.status == 200:
        assert told.json()["total"] == 30 * 40 + 40 + 50 * 60


def test_m5_programs_a_gated_hint_and_libraries(local: LocalHub) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/small-gguf", private=True)
    card = b"---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags: [gguf]\n---\n# Small\n"
    local.commit(ada, "ada/small-gguf", {"README.md": card})
    page = local.client.get("/ada/small-gguf", token=ada.token).text
    assert "llama serve -hf ada/small-gguf" in page
    assert "vllm serve &#34;ada/small-gguf&#34;" in page
    assert "AutoTokenizer" in page or "pipeline(&#34;text-generation&#34;" in page
    assert "It asks for a token" in page


def test_m9_results_say_who_vouches_for_them_and_where_they_come_from(local: LocalHub) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/measured")
    card = b"""---
model-index:
- name: measured
  results:
  - task: {type: text-classification}
    dataset: {name: Avis, type: ada/avis}
    metrics: [{type: f1, value: 0.8, verifyToken: "abc"}]
    source: {name: Board, url: "https://board.example/1"}
---
# Measured
"""
    local.commit(ada, "ada/measured", {"README.md": card})
    page = local.client.get("/ada/measured").text
    assert 'title="Verified"' in page
    assert 'href="https://board.example/1"' in page
    assert 'title="Source: Board"' in page
