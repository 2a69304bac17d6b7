import gradio as gr


def greet(name: str) -> str:
    return f"Hello, {name}!"


demo = gr.Interface(greet, gr.Textbox(label="Name"), gr.Textbox(label="Greeting"))

if __name__ == "__main__":
    demo.launch()
