// <chat-example>: what a chat template makes of a short conversation, rendered when it is looked at. The template is a
// stranger's program: it runs in a worker, which is ended after two seconds.
const PATIENCE_MS = 2000;
const SYSTEM = { role: "system", content: "You are a helpful assistant." };
const TALK = [
  { role: "user", content: "Hello, who are you?" },
  { role: "assistant", content: "I am a model that runs here." },
  { role: "user", content: "What can you do?" },
];

class ChatExample extends HTMLElement {
  connectedCallback() {
    const details = this.closest("details");
    if (!this.dataset.module || !details) return;
    if (details.open) this.fill();
    else details.addEventListener("toggle", () => this.fill(), { once: true });
  }

  async fill() {
    const source = this.parentElement.querySelector(".chat-template code").textContent;
    const tokens = JSON.parse(this.dataset.tokens);
    const shown = this.querySelector("code");
    this.hidden = false;
    for (const messages of [[SYSTEM, ...TALK], TALK]) {
      const values = { ...tokens, messages, add_generation_prompt: true };
      const found = await this.render(source, values);
      shown.textContent = found.text ?? `${this.dataset.failed} ${found.error ?? ""}`;
      // Some templates refuse a system message, and say so by an error.
      if (found.text !== undefined || found.isLate) break;
    }
    this.dataset.filled = "yes";
  }

  render(template, values) {
    return new Promise((resolve) => {
      const worker = new Worker(this.dataset.module, { type: "module" });
      const end = (found) => {
        clearTimeout(timer);
        worker.terminate();
        resolve(found);
      };
      const timer = setTimeout(() => end({ error: this.dataset.late, isLate: true }), PATIENCE_MS);
      worker.addEventListener("message", ({ data }) => end(data));
      worker.addEventListener("error", () => end({ error: "" }));
      worker.postMessage({ template, values });
    });
  }
}

customElements.define("chat-example", ChatExample);
