"""Models that are asked over the APIs of inference, by the stock clients, on a live hub with its controller and workers."""

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from huggingface_hub import HfApi, InferenceClient
from huggingface_hub.errors import ValidationError

from pioche.serving import needs
from pioche.serving.spec import EngineName
from tests import encoders, publishing, writers
from tests.hub import Account, Hub

WORDS = {"good": [0, 4], "bad": [4, 0], "film": [0, 0]}
LABELS = ["NEGATIVE", "POSITIVE"]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("serving"), {"INFERENCE_WAIT_SECONDS": "60"}) as hub:
        yield hub


@pytest.fixture(scope="module")
def owner(serving: Hub) -> Account:
    return serving.user("olga")


@pytest.fixture(scope="module")
def stranger(serving: Hub) -> Account:
    return serving.user("sven")


def publish(hub: Hub, owner: Account, name: str, task: str, files: encoders.Files, *, private: bool = False) -> str:
    """A model of this task; returns its id."""
    full = f"{owner.name}/{name}"
    with httpx.Client(base_url=hub.endpoint, headers=owner.bearer, timeout=60) as client:
        publishing.create(client, full, private=private)
        card = f"---\npipeline_tag: {task}\n---\n# A model\n"
        publishing.commit(client, full, {"README.md": card, **files})
    return full


@pytest.fixture(scope="module")
def classifier(serving: Hub, owner: Account) -> str:
    return publish(serving, owner, "sentiment", "text-classification", encoders.classifier(WORDS, LABELS))


@pytest.fixture(scope="module")
def embedder(serving: Hub, owner: Account) -> str:
    table = {"cat": [1.0, 0.0], "dog": [0.6, 0.8], "car": [0.0, 1.0]}
    return publish(serving, owner, "embeddings", "feature-extraction", encoders.embedder(table))


@pytest.fixture(scope="module", params=["llama", "transformers"])
def writer(
    request: pytest.FixtureRequest, serving: Hub, owner: Account, tmp_path_factory: pytest.TempPathFactory
) -> str:
    if needs.missing(EngineName(request.param)):
        pytest.skip(f"{request.param} is not installed")
    if request.param == "llama":
        return publish(serving, owner, "writer", "text-generation", {"model-Q8_0.gguf": writers.writer()})
    folder = tmp_path_factory.mktemp("checkpoint")
    writers.checkpoint(folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return publish(serving, owner, "torch-writer", "text-generation", files)


def test_openai_s_client_chats_whole_and_as_a_stream(serving: Hub, writer: str, owner: Account) -> None:
    with openai.OpenAI(base_url=f"{serving.endpoint}/v1", api_key=owner.token, max_retries=0) as client:
        asked = {"model": writer, "messages": [{"role": "user", "content": "stuvw"}], "temperature": 0}
        whole = client.chat.completions.create(**asked)
        assert whole.choices[0].message.content == "xyz"
        stream = client.chat.completions.create(**asked, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "xyz"
        completed = client.completions.create(model=writer, prompt="stuvw", temperature=0, max_tokens=2)
        assert completed.choices[0].text == "xy"
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(**{**asked, "temperature": "hot"})
        assert refused.value.param == "temperature"


def test_the_stock_client_chats_and_generates(serving: Hub, writer: str) -> None:
    client = InferenceClient(model=f"{serving.endpoint}/models/{writer}")
    said = client.chat_completion([{"role": "user", "content": "stuvw"}], stream=True, temperature=0)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in said if chunk.choices) == "xyz"
    assert client.text_generation("stuvw", do_sample=False) == "xyz"
    assert "".join(client.text_generation("stuvw", do_sample=False, stream=True)) == "xyz"


def test_the_stock_client_reads_all_that_a_text_generation_server_tells(serving: Hub, writer: str) -> None:
    client = InferenceClient(model=f"{serving.endpoint}/models/{writer}")
    whole = client.text_generation("uvw", details=True, stop=["z"], top_n_tokens=2, return_full_text=True)
    assert (whole.generated_text, whole.details.finish_reason) == ("uvwxy", "stop_sequence")
    assert [len(tops) for tops in whole.details.top_tokens or []] == [2, 2, 2]
    told = list(client.text_generation("uvw", stream=True, details=True, max_new_tokens=2, seed=7, temperature=0.1))
    assert [(one.index, one.token.text, one.token.special) for one in told] == [(1, "x", False), (2, "y", False)]
    last = told[-1]
    assert last.generated_text == "xy"
    assert last.details is not None
    ending = (last.details.finish_reason, last.details.generated_tokens, last.details.input_length, last.details.seed)
    assert ending == ("length", 2, 4, 7)
    with pytest.raises(ValidationError, match="max_new_tokens"):
        client.text_generation("uvw", max_new_tokens=0)
    named = InferenceClient(model=f"{serving.endpoint}/models/{writer}", provider="hf-inference")
    about = named.get_endpoint_info()
    assert (about["model_id"], about["model_pipeline_tag"], about["max_stop_sequences"]) == (
        writer,
        "text-generation",
        16,
    )
    assert named.health_check()


def test_the_routes_of_a_text_generation_server(serving: Hub, writer: str, classifier: str) -> None:
    address = f"{serving.endpoint}/models/{writer}"
    body = {"inputs": "w", "parameters": {"details": True}}
    whole = httpx.post(f"{address}/generate", json=body, timeout=60).json()
    assert (whole["generated_text"], whole["details"]["generated_tokens"]) == ("xyz", 4)
    told = httpx.post(f"{address}/generate_stream", json=body, timeout=60)
    assert told.headers["content-type"] == "text/event-stream"
    events = [json.loads(line.removeprefix("data:")) for line in told.text.splitlines() if line]
    assert "".join(event["token"]["text"] for event in events) == events[-1]["generated_text"] == "xyz"
    for where, wrong in (
        (f"{address}/generate", {"inputs": "w", "parameters": {"top_p": 2}}),
        (f"{address}/generate_stream", {"inputs": 7}),
        (f"{serving.endpoint}/models/{classifier}/generate", {"inputs": "w"}),
    ):
        refused = httpx.post(where, json=wrong, timeout=60)
        assert (refused.status_code, refused.json()["error_type"]) == (422, "validation")


def test_a_ranking_in_the_shapes_of_text_embeddings_inference_and_of_cohere(serving: Hub, owner: Account) -> None:
    ranker = publish(serving, owner, "ranker", "text-ranking", {"model-Q8_0.gguf": writers.ranker()})
    asked = {"model": ranker, "query": "q", "documents": ["a", {"text": "z"}], "top_n": 1, "return_documents": True}
    for address in ("/v1/rerank", f"/models/{ranker}/v1/rerank"):
        found = httpx.post(serving.endpoint + address, json=asked, timeout=60).json()
        assert [(one["index"], one["document"]) for one in found["results"]] == [(1, {"text": "z"})]
    assert httpx.post(f"{serving.endpoint}/v1/rerank", json={**asked, "top_n": 0}).json()["error"]["param"] == "top_n"
    body = {"query": "q", "texts": ["a", "z"], "return_text": True}
    ranked = httpx.post(f"{serving.endpoint}/models/{ranker}/rerank", json=body, timeout=60).json()
    assert [(one["index"], one["text"]) for one in ranked] == [(1, "z"), (0, "a")]


def test_the_stock_client_classifies(serving: Hub, classifier: str) -> None:
    client = InferenceClient(model=f"{serving.endpoint}/models/{classifier}")
    answer = client.text_classification("a good film")
    assert answer[0].label == "POSITIVE"


def test_embeddings_and_similarity_at_one_address(serving: Hub, embedder: str) -> None:
    client = InferenceClient(model=f"{serving.endpoint}/models/{embedder}")
    assert client.feature_extraction("cat").round(3).tolist() == [1.0, 0.0]
    near, far = client.sentence_similarity("cat", other_sentences=["dog", "car"])
    assert (round(near, 3), round(far, 3)) == (0.6, 0.0)


def test_the_task_may_stand_in_the_address(serving: Hub, embedder: str, owner: Account) -> None:
    for path in (
        f"/models/{embedder}/pipeline/sentence-similarity",
        f"/pipeline/sentence-similarity/{embedder}",
        f"/hf-inference/models/{embedder}/pipeline/sentence-similarity",
    ):
        body = {"inputs": {"source_sentence": "cat", "sentences": ["cat"]}}
        answer = httpx.post(serving.endpoint + path, json=body, timeout=60)
        assert answer.json() == [pytest.approx(1.0)], path
    answer = httpx.post(f"{serving.endpoint}/models/{embedder}/pipeline/fill-mask", json={"inputs": "x"}, timeout=60)
    assert answer.status_code == 404
    assert "feature-extraction" in answer.json()["error"]


def test_openai_s_client_embeds(serving: Hub, embedder: str, owner: Account) -> None:
    with openai.OpenAI(base_url=f"{serving.endpoint}/v1", api_key=owner.token, max_retries=0) as client:
        for encoding in (openai.omit, "float"):
            found = client.embeddings.create(model=embedder, input=["cat", "car"], encoding_format=encoding)
            assert [[round(number, 3) for number in row.embedding] for row in found.data] == [[1.0, 0.0], [0.0, 1.0]]
        assert client.models.retrieve(embedder).id == embedder
        assert embedder in [model.id for model in client.models.list()]
        with pytest.raises(openai.BadRequestError) as refused:
            client.embeddings.create(model=embedder, input="cat", dimensions=1)
        assert refused.value.param == "dimensions"
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="olga/absent", input="cat")
        with pytest.raises(openai.BadRequestError, match="no chat"):
            client.chat.completions.create(model=embedder, messages=[{"role": "user", "content": "hello"}])


def test_lists_say_which_models_can_be_asked(serving: Hub, owner: Account, writer: str, classifier: str) -> None:
    bare = publish(
        serving, owner, f"bare-{writer.rpartition('/')[2]}", "text-classification", {"onnx/model.onnx": b"x"}
    )
    api = HfApi(serving.endpoint, token=owner.token)
    every = {model.id for model in api.list_models()}
    asked: list[dict[str, Any]] = [
        {"inference": "warm"},
        {"inference_provider": "hf-inference"},
        {"inference_provider": "all"},
    ]
    for one in asked:
        found = {model.id for model in api.list_models(**one)}
        assert {writer, classifier} <= found < every
        assert bare not in found
    assert list(api.list_models(inference_provider="together")) == []
    shown = {
        model.id: model for model in api.list_models(search="olga/", expand=["inferenceProviderMapping", "inference"])
    }
    (mapping,) = shown[classifier].inference_provider_mapping or []
    assert (mapping.provider, mapping.status, mapping.task) == ("hf-inference", "live", "text-classification")
    assert (shown[classifier].inference, shown[bare].inference_provider_mapping) == ("warm", [])
    with openai.OpenAI(base_url=f"{serving.endpoint}/v1", api_key=owner.token, max_retries=0) as client:
        listed = [model.id for model in client.models.list()]
        assert classifier in listed
        assert bare not in listed


def test_the_page_of_models_has_those_that_can_be_asked_by_themselves(serving: Hub, classifier: str) -> None:
    with httpx.Client(base_url=serving.endpoint) as client:
        for language, words in (("en", "Inference available"), ("fr", "Inférence disponible")):
            page = client.get("/models", headers={"accept-language": language}).text
            assert re.search(rf'href="/models\?inference=warm"[^>]*><span>{words}', page)
            page = client.get("/models?inference=warm", headers={"accept-language": language}).text
            assert f'href="/{classifier}"' in page
            assert re.search(rf'class="chip" href="/models"[^>]*>{words}', page)


def test_text_embeddings_inference_s_shape(serving: Hub, embedder: str) -> None:
    address = f"{serving.endpoint}/models/{embedder}"
    assert httpx.post(f"{address}/embed", json={"inputs": ["cat"]}, timeout=60).json() == [[1.0, 0.0]]
    refused = httpx.post(f"{address}/embed", json={"inputs": ["cat"], "prompt_name": "query"}, timeout=60)
    assert (refused.status_code, refused.json()["error_type"]) == (400, "Validation")
    refused = httpx.post(f"{address}/rerank", json={"query": "cat", "texts": ["dog"]}, timeout=60)
    assert (refused.status_code, refused.json()["error_type"]) == (400, "Validation")
    sentences = {"source_sentence": "cat", "sentences": ["dog", "car"]}
    alike = httpx.post(f"{address}/similarity", json={"inputs": sentences}, timeout=60).json()
    assert [round(one, 3) for one in alike] == [0.6, 0.0]
    (tokens,) = httpx.post(f"{address}/tokenize", json={"inputs": "cat car"}, timeout=60).json()
    words = [one for one in tokens if not one["special"]]
    assert [(one["text"], one["start"], one["stop"]) for one in words] == [("cat", 0, 3), ("car", 4, 7)]
    numbers = [one["id"] for one in tokens]
    for ids, text in ((numbers, ["cat car"]), ([numbers, numbers], ["cat car", "cat car"])):
        assert httpx.post(f"{address}/decode", json={"ids": ids}, timeout=60).json() == text
    assert httpx.get(f"{address}/info").json()["pipeline_tag"] == "feature-extraction"
    assert httpx.get(f"{address}/health").status_code == 200


def test_labels_in_text_embeddings_inference_s_shape(serving: Hub, classifier: str) -> None:
    address = f"{serving.endpoint}/models/{classifier}/predict"
    assert httpx.post(address, json={"inputs": "good"}, timeout=60).json()[0]["label"] == "POSITIVE"
    raw = httpx.post(address, json={"inputs": [["good"], ["bad film"]], "raw_scores": True}, timeout=60).json()
    assert [row[0] for row in raw] == [{"label": "POSITIVE", "score": 4.0}, {"label": "NEGATIVE", "score": 4.0}]
    pair = httpx.post(address, json={"inputs": [["good", "bad"]]}, timeout=60)
    assert (pair.status_code, pair.json()["error_type"]) == (400, "Validation")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"inputs": 7}, "inputs"),
        ({"text": "good"}, "inputs"),
        ({"inputs": "good", "top_k": 1}, "top_k"),
        ({"inputs": "good", "parameters": {"top_k": 0}}, "parameters.top_k"),
        ({"inputs": "good", "parameters": {"colour": "red"}}, "parameters.colour"),
        ({"inputs": "good", "parameters": [1]}, "parameters"),
    ],
)
def test_bad_input_names_its_field(serving: Hub, classifier: str, body: dict[str, object], field: str) -> None:
    answer = httpx.post(f"{serving.endpoint}/models/{classifier}", json=body, timeout=60)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_bytes_that_are_no_text_and_bodies_that_are_too_large(serving: Hub, classifier: str) -> None:
    address = f"{serving.endpoint}/models/{classifier}"
    assert httpx.post(address, content=b"good film", timeout=60).json()[0][0]["label"] == "POSITIVE"
    assert httpx.post(address, content=b"\xff\xd8\xff", timeout=60).json()["field"] == "inputs"
    assert httpx.post(address, content=b"{", timeout=60).status_code == 400
    assert httpx.post(address, content=b" " * (20 * 2**20 + 1), timeout=60).status_code == 413


def test_private_and_absent_models_are_refused_in_the_same_words(
    serving: Hub, owner: Account, stranger: Account
) -> None:
    files = encoders.classifier(WORDS, LABELS)
    hidden = publish(serving, owner, "hidden", "text-classification", files, private=True)
    body = {"inputs": "good"}
    for account in (stranger.bearer, {}):
        found = [
            httpx.post(f"{serving.endpoint}/models/{name}", json=body, headers=account, timeout=60)
            for name in (hidden, "olga/absent")
        ]
        assert found[0].status_code == found[1].status_code in (401, 404)
        assert found[0].json() == found[1].json()
    mine = httpx.post(f"{serving.endpoint}/models/{hidden}", json=body, headers=owner.bearer, timeout=60)
    assert mine.status_code == 200


def test_gated_models_answer_those_who_may_read_their_files(serving: Hub, owner: Account, stranger: Account) -> None:
    gated = publish(serving, owner, "gated", "text-classification", encoders.classifier(WORDS, LABELS))
    settings = f"{serving.endpoint}/api/models/{gated}/settings"
    httpx.put(settings, json={"gated": "manual"}, headers=owner.bearer).raise_for_status()
    address = f"{serving.endpoint}/models/{gated}"
    refused = httpx.post(address, json={"inputs": "good"}, headers=stranger.bearer, timeout=60)
    assert (refused.status_code, refused.headers["x-error-code"]) == (403, "GatedRepo")
    assert httpx.post(address, json={"inputs": "good"}, headers=owner.bearer, timeout=60).status_code == 200


def test_who_does_not_want_to_wait_is_told_how_long_it_may_take(serving: Hub, owner: Account) -> None:
    cold = publish(serving, owner, "cold", "text-classification", encoders.classifier(WORDS, LABELS))
    address = f"{serving.endpoint}/models/{cold}"
    answer = httpx.post(address, json={"inputs": "good"}, headers={"x-wait-for-model": "false"}, timeout=60)
    assert (answer.status_code, answer.headers["x-error-code"]) == (503, "ModelLoading")
    assert answer.json()["estimated_time"] == int(answer.headers["retry-after"])
    assert httpx.post(address, json={"inputs": "good"}, timeout=60).status_code == 200


def test_requests_during_a_cold_start_wait_for_the_one_worker(serving: Hub, owner: Account) -> None:
    cold = publish(serving, owner, "many", "text-classification", encoders.classifier(WORDS, LABELS))
    address = f"{serving.endpoint}/models/{cold}"
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: httpx.post(address, json={"inputs": "good"}, timeout=60).status_code, range(24))
        )
    assert answers == [200] * 24
    assert len([line for line in serving.output().splitlines() if "model started" in line and cold in line]) == 1


def test_a_model_that_cannot_be_loaded_says_why_and_is_left_alone_for_a_while(serving: Hub, owner: Account) -> None:
    files = {**encoders.classifier(WORDS, LABELS), "onnx/model.onnx": b"not a network"}
    broken = publish(serving, owner, "broken", "text-classification", files)
    address = f"{serving.endpoint}/models/{broken}"
    first = httpx.post(address, json={"inputs": "good"}, timeout=60)
    assert first.status_code == 500
    assert "weights cannot be loaded" in first.json()["error"]
    told = httpx.get(f"{address}/info").json()
    assert (told["state"], told["reason"]) == ("failed", first.json()["error"])


def test_a_worker_that_is_killed_loses_no_request(serving: Hub, classifier: str) -> None:
    address = f"{serving.endpoint}/models/{classifier}"
    assert httpx.post(address, json={"inputs": "good"}, timeout=60).status_code == 200
    killed = [pid for pid in workers_of(serving, classifier) if os.kill(pid, signal.SIGKILL) is None]
    assert killed
    assert httpx.post(address, json={"inputs": "good"}, timeout=60).json()[0][0]["label"] == "POSITIVE"


def test_a_model_without_task_or_weights_says_what_is_missing(serving: Hub, owner: Account) -> None:
    bare = publish(serving, owner, "bare", "text-classification", {})
    answer = httpx.post(f"{serving.endpoint}/models/{bare}", json={"inputs": "good"}, timeout=60)
    assert answer.status_code == 400
    assert "onnx/model.onnx" in answer.json()["error"]


def test_figures(serving: Hub, classifier: str) -> None:
    httpx.post(f"{serving.endpoint}/models/{classifier}", json={"inputs": "good"}, timeout=60)
    figures = httpx.get(f"{serving.endpoint}/metrics").text
    for name in (
        'inference_requests_total{code="200",task="text-classification"}',
        'inference_request_seconds_bucket{le="0.05",task="text-classification"}',
        'inference_cold_start_seconds_count{engine="onnx"}',
        'inference_replicas{state="ready"}',
        'inference_worker_rss_bytes{engine="onnx"}',
        "inference_inflight 0.0",
    ):
        assert f"pioche_{name}" in figures


def test_a_hub_that_serves_no_models_says_so(tmp_path: Path) -> None:
    with Hub(tmp_path, {"INFERENCE": "off"}) as hub:
        name = publish(hub, hub.user("olga"), "sentiment", "text-classification", encoders.classifier(WORDS, LABELS))
        answer = httpx.post(f"{hub.endpoint}/models/{name}", json={"inputs": "good"})
        assert (answer.status_code, answer.headers["x-error-code"]) == (501, "NotOffered")


def test_more_models_than_memory_all_answer_and_idle_ones_end(tmp_path: Path) -> None:
    """Memory for one of three; and only who signed in may ask here."""
    each = needs.memory(EngineName.ONNX, sum(len(data) for data in encoders.classifier(WORDS, LABELS).values()))
    settings = {
        "INFERENCE": "signed-in",
        "INFERENCE_MEMORY_BYTES": str(each * 3 // 2),
        "INFERENCE_IDLE_SECONDS": "1",
    }
    with Hub(tmp_path, settings) as hub:
        olga = hub.user("olga")
        files = encoders.classifier(WORDS, LABELS)
        names = [publish(hub, olga, f"model-{number}", "text-classification", files) for number in range(3)]
        addresses = [f"{hub.endpoint}/models/{name}" for name in names]
        assert httpx.post(addresses[0], json={"inputs": "good"}).status_code == 401

        def ask(address: str) -> int:
            return httpx.post(address, json={"inputs": "good"}, headers=olga.bearer, timeout=60).status_code

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(ask, addresses * 2)) == [200] * 6
        assert "pioche_inference_evictions_total" in httpx.get(f"{hub.endpoint}/metrics").text
        until(lambda: not any(workers_of(hub, name) for name in names))
        assert ask(addresses[0]) == 200


def workers_of(hub: Hub, name: str) -> list[int]:
    """Process ids of the workers that serve a model."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_text(errors="replace").split("\0")
            if "pioche.serving.worker" in words and f'"repo":"{name}"' in words[-2]:
                found.append(int(entry.name))
    return found


def test_a_client_that_leaves_gives_its_request_up(serving: Hub, owner: Account) -> None:
    cold = publish(serving, owner, "left", "text-classification", encoders.classifier(WORDS, LABELS))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{serving.endpoint}/models/{cold}", json={"inputs": "good"}, timeout=0.05)
    figure = 'pioche_inference_requests_total{code="499",task="text-classification"}'
    for _ in range(200):
        if figure in httpx.get(f"{serving.endpoint}/metrics").text:
            return
        time.sleep(0.05)
    raise AssertionError("the request went on")


def test_a_controller_that_is_killed_costs_a_cold_start_and_no_more(serving: Hub, classifier: str) -> None:
    """C10: nothing that matters lives in it. Its workers end with it; its place is filled again."""
    address = f"{serving.endpoint}/models/{classifier}"
    assert httpx.post(address, json={"inputs": "good"}, timeout=60).status_code == 200
    before = workers_of(serving, classifier)
    controller = next(pid for pid, name in serving.children().items() if name == "inference")
    os.kill(controller, signal.SIGKILL)
    until(lambda: not set(before) & set(workers_of(serving, classifier)))
    until(lambda: controller not in serving.children() and "inference" in serving.children().values())
    until(lambda: httpx.post(address, json={"inputs": "good"}, timeout=60).status_code == 200)


def until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to be")
