"""What is on a picture, told by a model of this hub. HF_ENDPOINT is given to every Space; what is private
needs a secret HF_TOKEN."""

import io
import os

import gradio as gr
from huggingface_hub import InferenceClient
from PIL import Image

MODEL = "__SOURCE__"

client = InferenceClient(model=f"{os.environ['HF_ENDPOINT']}/models/{MODEL}", token=os.environ.get("HF_TOKEN"))


def classify(picture: Image.Image | None) -> dict[str, float]:
    if picture is None:
        raise gr.Error("Choose a picture first")
    file = io.BytesIO()
    picture.convert("RGB").save(file, "PNG")
    return {found.label: found.score for found in client.image_classification(file.getvalue())}


demo = gr.Interface(classify, gr.Image(type="pil", label="Picture"), gr.Label(label="What it shows", num_top_classes=5))

if __name__ == "__main__":
    demo.launch()
