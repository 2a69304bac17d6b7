"""A chat with a model of this hub. HF_ENDPOINT is given to every Space; what is private
needs a secret HF_TOKEN."""

import os
from collections.abc import Iterator

import gradio as gr
from huggingface_hub import InferenceClient

MODEL = "__SOURCE__"
TOKENS_MAX = 512

client = InferenceClient(model=f"{os.environ['HF_ENDPOINT']}/models/{MODEL}", token=os.environ.get("HF_TOKEN"))


def text_of(content: object) -> str:
    """What was said in a turn, which Gradio keeps as a text or as parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part["type"] == "text")
    return str(content)


def answer(message: str, history: list[dict]) -> Iterator[str]:
    turns = [{"role": turn["role"], "content": text_of(turn["content"])} for turn in history]
    said = ""
    for chunk in client.chat_completion(
        [*turns, {"role": "user", "content": message}], max_tokens=TOKENS_MAX, stream=True
    ):
        if chunk.choices and (piece := chunk.choices[0].delta.content):
            said += piece
            yield said


demo = gr.ChatInterface(answer)

if __name__ == "__main__":
    demo.launch()
