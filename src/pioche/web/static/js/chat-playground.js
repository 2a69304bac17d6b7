// <chat-playground>: each message goes to all sides at once; each side keeps its own conversation, and says how fast it wrote.
import { Refusal, events, piece, post } from "./token-stream.js";

class ChatPlayground extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.sides = [...this.querySelectorAll(".playground-side")].map((element) => new Side(element, this.dataset));
    this.stopper = this.querySelector("[data-stop]");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    this.stopper.addEventListener("click", () => this.leaving?.abort());
    this.querySelector("[data-again]").addEventListener("click", () => this.begin());
  }

  begin() {
    this.leaving?.abort();
    for (const side of this.sides) side.clear();
    this.form.elements.text.focus();
  }

  async send() {
    if (this.leaving) return;
    const { text, system, tokens, temperature } = this.form.elements;
    const settings = { max_tokens: tokens.valueAsNumber, temperature: temperature.valueAsNumber };
    const message = text.value;
    text.value = "";
    this.leaving = new AbortController();
    this.stopper.hidden = false;
    await Promise.all(this.sides.map((side) => side.ask(message, system.value, settings, this.leaving.signal)));
    this.stopper.hidden = true;
    this.leaving = undefined;
  }
}

class Side {
  constructor(element, said) {
    this.model = element.dataset.model;
    this.talk = element.querySelector(".playground-talk");
    this.speed = element.querySelector(".playground-speed");
    this.said = said;
    this.messages = [];
  }

  clear() {
    this.messages = [];
    this.talk.replaceChildren();
    this.speed.textContent = "";
  }

  async ask(text, system, settings, signal) {
    this.messages.push({ role: "user", content: text });
    this.show("user", text);
    const line = this.show("assistant", "");
    this.speed.textContent = this.said.asking;
    const messages = system ? [{ role: "system", content: system }, ...this.messages] : this.messages;
    try {
      await this.read({ model: this.model, messages, stream: true, stream_options: { include_usage: true }, ...settings }, line, signal);
    } catch (error) {
      const known = { AbortError: this.said.stopped }[error.name] ?? this.said.lost;
      this.speed.textContent = error instanceof Refusal ? error.message : known;
    }
    // An answer that broke off stays in the conversation; a question without one does not.
    if (line.textContent) this.messages.push({ role: "assistant", content: line.textContent });
    else this.messages.pop();
  }

  async read(question, line, signal) {
    const began = performance.now();
    const response = await post("/v1/chat/completions", question, signal);
    if (!response.ok) throw new Refusal((await response.json()).error?.message ?? response.statusText);
    let first, tokens = 0;
    for await (const event of events(response)) {
      const written = piece(event);
      if (written) {
        first ??= performance.now();
        tokens += 1;
        line.append(written);
        this.talk.scrollTop = this.talk.scrollHeight;
      }
      tokens = event.usage?.completion_tokens ?? tokens;
    }
    this.tell(began, first ?? performance.now(), tokens);
  }

  // The time until the first token is reading, not writing: the speed is that of the others.
  tell(began, first, tokens) {
    const language = document.documentElement.lang;
    const seconds = (performance.now() - first) / 1000;
    const parts = [
      this.said.first.replace("{ms}", Math.round(first - began).toLocaleString(language)),
      this.said.tokens.replace("{count}", tokens.toLocaleString(language)),
    ];
    if (tokens > 1 && seconds > 0) {
      const speed = ((tokens - 1) / seconds).toLocaleString(language, { maximumFractionDigits: 1 });
      parts.push(this.said.speed.replace("{speed}", speed));
    }
    this.speed.textContent = parts.join(" · ");
  }

  show(role, text) {
    const line = document.createElement("p");
    line.className = `playground-said playground-${role}`;
    line.setAttribute("translate", "no");
    line.textContent = text;
    this.talk.append(line);
    this.talk.scrollTop = this.talk.scrollHeight;
    return line;
  }
}

customElements.define("chat-playground", ChatPlayground);
