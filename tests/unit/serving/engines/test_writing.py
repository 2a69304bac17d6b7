"""What only torch has to do for a language model: refusals of its own, tools, texts out of tokens."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from pioche.errors import EngineFailed, InvalidInput  # after what may be absent
from pioche.serving import engines
from pioche.serving.engines.transformers import calls
from pioche.serving.engines.transformers.telling import Telling
from pioche.serving.spec import EngineName, Spec
from tests import writers
from tests.hearing import CHAT, ask, chat, streamed

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Lyon"}}\n</tool_call>'


def load(folder: Path) -> Any:
    files = ("model.safetensors", *(path.name for path in folder.iterdir()))
    return engines.load(
        Spec(repo="ada/m", commit="0" * 40, engine=EngineName.TRANSFORMERS, task="text-generation", files=files), folder
    )


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("writer")
    writers.checkpoint(folder)
    return load(folder)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"response_format": {"type": "json_object"}}, "inputs.response_format"),
        ({"grammar": "root ::= [a-z]"}, "inputs.grammar"),
        ({"tools": TOOLS}, "inputs.tools"),
        ({"tools": TOOLS, "tool_choice": "required"}, "inputs.tool_choice"),
        ({"logit_bias": {"a": 1}}, "inputs.logit_bias"),
        ({"chat_template_kwargs": {"chat_template": "{{ 1 }}"}}, "inputs.chat_template_kwargs.chat_template"),
    ],
)
def test_what_this_engine_cannot_do_is_refused_and_named(writer: Any, body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        chat(writer, **body)
    assert refusal.value.field == field


def test_a_form_of_text_generation_and_wrong_tokens_are_refused(writer: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        ask(writer, "text-generation", "a", grammar={"type": "json", "value": {}})
    assert refusal.value.field == "parameters.grammar"
    for prompt in ([1, 10**6], ["a", 1]):
        with pytest.raises(InvalidInput) as refusal:
            ask(writer, "completion", {"prompt": prompt})
        assert refusal.value.field == "inputs.prompt"
    assert ask(writer, "completion", {"prompt": [1, 3 + ord("x")], "temperature": 0})["choices"][0]["text"] == "yz"


def test_bias_penalties_and_likelihood_change_what_is_written(writer: Any) -> None:
    unlikely = {str(3 + ord("d")): -100}
    assert chat(writer, max_tokens=1, logit_bias=unlikely)["choices"][0]["message"]["content"] != "d"
    for wish in ({"top_k": 1}, {"top_p": 0.1}, {"min_p": 0.9}):
        answer = chat(writer, temperature=1, max_tokens=3, **wish)
        assert answer["choices"][0]["message"]["content"] == "def"
    assert ask(writer, "text-generation", "a", typical_p=0.5, max_new_tokens=2) == [{"generated_text": "bc"}]


def test_letters_of_several_bytes_come_whole(writer: Any) -> None:
    told = streamed(writer, "completion", {"prompt": "\u00c3", "temperature": 0, "max_tokens": 2, "stream": True})
    assert "".join(one["choices"][0]["text"] for one in told)


def test_h_run_4_a_template_runs_in_a_sandbox(tmp_path: Path) -> None:
    writers.checkpoint(tmp_path, template="{{ messages.__class__.__mro__ }}")
    engine = load(tmp_path)
    with pytest.raises(InvalidInput) as refusal:
        ask(engine, "chat", {"messages": CHAT})
    assert refusal.value.field == "inputs.messages"


def test_h_run_4_code_beside_the_weights_does_not_run(tmp_path: Path) -> None:
    writers.checkpoint(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"auto_map": {"AutoModelForCausalLM": "code.Model"}, "model_type": "mine", "architectures": ["Model"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Model: pass\n")
    with pytest.raises(EngineFailed, match="cannot be loaded"):
        load(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_model_that_writes_nothing_is_refused(tmp_path: Path) -> None:
    writers.checkpoint(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"architectures": ["LlamaModel"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(EngineFailed, match="writes no texts"):
        load(tmp_path)


def test_calls_of_tools_are_read_in_both_ways() -> None:
    said, (call,) = calls.split("I look. " + CALL, alone=False)
    assert (said, call["function"]) == ("I look.", {"name": "weather", "arguments": '{"city":"Lyon"}'})
    assert calls.split('{"name": "weather", "parameters": {}}', alone=True)[1][0]["function"]["arguments"] == "{}"
    for text in ("<tool_call>{", "[1, 2]", '{"city": "Lyon"}', "plain"):
        assert calls.split(text, alone=True) == (text, [])
    assert calls.split('{"name": "weather"}', alone=False)[1] == []


def test_words_are_told_as_they_come_and_calls_when_they_are_whole() -> None:
    letters = dict(enumerate("say <tool_call> now"))
    telling = Telling(lambda tokens: "".join(letters[token] for token in tokens), (), calls.HOLDS)
    assert "".join(map(telling.add, letters)) == "say "
    assert telling.rest() == "<tool_call> now"
    stopping = Telling(lambda tokens: "".join(letters[token] for token in tokens), ("> n",), ())
    told = [stopping.add(token) for token in letters if not stopping.has_ended]
    assert ("".join(told), stopping.has_ended, stopping.rest()) == ("say <tool_call", True, "")
