"""`python -m vllm.entrypoints.openai.api_server --model FOLDER --uds PATH ...`, as a fake: it writes the letters that follow the
last one of the prompt, up to `z`, in the chunks that vLLM documents. `Q` ends it in the middle of an answer."""

import argparse
import json
import os
import socketserver
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

Json = dict[str, Any]
LEFT = Path("left")


def letters(prompt: str, body: Json) -> tuple[str, str | None, str | None]:
    """What is written, why it ended, and the text that ended it."""
    text = "".join(map(chr, range(ord(prompt[-1]) + 1, ord("z") + 1)))[: body.get("max_tokens", 16)]
    for stop in body.get("stop") or ():
        if stop in text:
            return text[: text.index(stop)], "stop", stop
    return text, "length" if text and text[-1] != "z" else "stop", None


def of_texts(body: Json) -> Iterator[Json]:
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"]}
    text, reason, stopped = letters(body["prompt"], body)
    for place, letter in enumerate(text):
        is_last = place == len(text) - 1
        choice: Json = {
            "index": 0,
            "text": letter,
            "finish_reason": reason if is_last else None,
            "stop_reason": stopped,
        }
        if "logprobs" in body:
            name = f"token_id:{3 + ord(letter)}" if body.get("return_tokens_as_token_ids") else letter
            choice["logprobs"] = {"tokens": [name], "token_logprobs": [-0.5], "top_logprobs": [{name: -0.5}]}
        yield {**head, "choices": [{**choice, "token_ids": None}]}
    if (body.get("stream_options") or {}).get("include_usage"):
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(text), "total_tokens": 0}
        yield {**head, "choices": [], "usage": usage}


def of_chats(body: Json) -> Iterator[Json]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    prompt = body["messages"][-1]["content"]
    text, reason, _ = letters(prompt, body)
    yield {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    for letter in text:
        if prompt.startswith("Q"):
            os._exit(9)
        yield {**head, "choices": [{"index": 0, "delta": {"content": letter}, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason, "stop_reason": None}]}
    if (body.get("stream_options") or {}).get("include_usage"):
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(text), "total_tokens": len(prompt) + len(text)}
        yield {**head, "choices": [], "usage": usage}


class Handler(BaseHTTPRequestHandler):
    def address_string(self) -> str:
        return "local"

    def log_message(self, format: str, *args: object) -> None:
        """It is quiet."""

    def do_GET(self) -> None:
        self._say(200, b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body.get("temperature", 0) > 2:
            self._say(400, json.dumps({"error": {"message": "temperature must be in [0, 2]", "code": 400}}).encode())
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for chunk in (of_chats if self.path == "/v1/chat/completions" else of_texts)(body):
                self.wfile.write(b"data: %b\n\n" % json.dumps(chunk).encode())
                self.wfile.flush()
            self.wfile.write(b"data: [DONE]\n\n")
        except BrokenPipeError:
            LEFT.touch()

    def _say(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    options = argparse.ArgumentParser()
    for name in ("--model", "--served-model-name", "--uds"):
        options.add_argument(name, required=True)
    options.add_argument("--disable-uvicorn-access-log", action="store_true")
    given = options.parse_args()
    if (Path(given.model) / "broken").exists():
        raise SystemExit("CUDA out of memory")
    with socketserver.ThreadingUnixStreamServer(given.uds, Handler) as server:
        server.daemon_threads = True
        server.serve_forever()


if __name__ == "__main__":
    main()
