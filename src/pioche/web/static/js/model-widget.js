// <model-widget>: asks the model what the form has, and shows the answer as its task gives it. While the model is being
// started the line below says so.
import { bars, element } from "./answer-parts.js";
import { MEDIA, given, preview } from "./media-answers.js";
import { Refusal, events, piece, post } from "./token-stream.js";

const LOOK_MS = 700;
const EXPORT_MS = 5000;
const EXPORTING = ["waiting", "running"];
const NUMBERS_SHOWN = 8;
const TOKENS_MAX = 256;

class ModelWidget extends HTMLElement {
  said = 0;

  connectedCallback() {
    this.form = this.querySelector("form");
    this.state = this.querySelector(".widget-state");
    this.export = this.querySelector(".widget-export");
    this.answer = this.querySelector(".widget-answer");
    this.json = this.querySelector(".widget-json");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    this.stopper = this.querySelector("[data-stop]");
    this.stopper?.addEventListener("click", () => this.leaving?.abort());
    for (const input of this.form.querySelectorAll("input[type=file]")) {
      input.addEventListener("change", () => preview(input, this.form.querySelector(`[data-of="${input.name}"]`)));
    }
    this.querySelector("#widget-examples")?.addEventListener("change", (event) => this.fill(JSON.parse(event.target.value)));
    this.look();
  }

  fill(values) {
    for (const [name, value] of Object.entries(values)) if (this.form.elements[name]) this.form.elements[name].value = value;
  }

  // Says how the model is, unless something newer was said while that was asked.
  async look() {
    const { said } = this;
    try {
      const response = await fetch(`${this.dataset.address}/info`);
      const found = await response.json();
      const text = found.reason ? `${this.dataset.failed} ${found.reason}` : this.dataset[found.state] ?? "";
      if (said === this.said) this.write(text);
      this.tell(found.export);
    } catch {
      // the question itself will say it
    }
  }

  say(text) {
    this.said += 1;
    this.write(text);
  }

  // How its export to ONNX goes: done, or a word for that it is not yet, or why there is none. Looks again until that is known.
  tell(state) {
    const { exporting, exported, unexported } = this.dataset;
    const isOn = EXPORTING.includes(state);
    this.export.hidden = !state;
    this.export.textContent = isOn ? exporting : state === "done" ? exported : `${unexported} ${state}`;
    clearTimeout(this.next);
    if (isOn && this.isConnected) this.next = setTimeout(() => this.look(), EXPORT_MS);
  }

  write(text) {
    if (this.state.textContent !== text) this.state.textContent = text;
  }

  value(name) {
    const field = this.form.elements[name];
    if (field.type === "file") return given(field.files[0]);
    const separator = { names: ",", lines: "\n" }[field.dataset.kind];
    return separator ? field.value.split(separator).map((one) => one.trim()).filter(Boolean) : field.value;
  }

  async question() {
    const media = MEDIA[this.dataset.task];
    if (media) return media.question(Object.fromEntries(await Promise.all(
      [...this.form.elements].filter((field) => field.name).map(async (field) => [field.name, await this.value(field.name)]),
    )));
    const text = this.form.elements.text && this.value("text");
    switch (this.dataset.task) {
      case "zero-shot-classification":
        return { inputs: text, parameters: { candidate_labels: this.value("candidate_labels") } };
      case "question-answering":
        return { inputs: { question: text, context: this.value("context") } };
      case "sentence-similarity":
        return { inputs: { source_sentence: this.value("source_sentence"), sentences: this.value("sentences") } };
      case "chat":
        return { messages: [{ role: "user", content: text }], max_tokens: TOKENS_MAX, stream: true };
      case "text-generation":
        return { inputs: text, parameters: { max_new_tokens: TOKENS_MAX }, stream: true };
      default:
        return { inputs: text };
    }
  }

  async ask() {
    if (this.isBusy) return;
    this.isBusy = true;
    this.say(this.dataset.asking);
    const question = await this.question();
    const looking = setInterval(() => this.look(), LOOK_MS);
    const began = performance.now();
    try {
      const response = await this.send(question);
      if (response.ok && question.stream) {
        clearInterval(looking);
        await this.read(response, began);
        return;
      }
      const isFile = response.ok && !response.headers.get("content-type").includes("json");
      const found = await (isFile ? response.blob() : response.json());
      clearInterval(looking);
      if (response.ok) this.show(question, found, began);
      else this.fail(found.error?.message ?? found.error ?? response.statusText);
    } catch (error) {
      if (error.name === "AbortError") this.say(this.dataset.stopped);
      else if (error instanceof Refusal) this.say(error.message);
      else this.fail(this.dataset.lost);
    } finally {
      clearInterval(looking);
      if (this.stopper) this.stopper.hidden = true;
      this.isBusy = false;
    }
  }

  send(question) {
    const path = this.dataset.task === "chat" ? "/v1/chat/completions" : "";
    this.leaving = new AbortController();
    if (this.stopper) this.stopper.hidden = false;
    return post(this.dataset.address + path, question, this.leaving.signal);
  }

  async read(response, began) {
    const line = element("p", "", { class: "widget-text", translate: "no" });
    this.answer.replaceChildren(line);
    this.answer.hidden = false;
    for await (const event of events(response)) line.append(piece(event));
    this.took(began);
  }

  took(began) {
    const ms = Math.round(performance.now() - began);
    this.say(this.dataset.took.replace("{ms}", ms.toLocaleString(document.documentElement.lang)));
  }

  fail(text) {
    this.answer.hidden = true;
    this.json.hidden = true;
    this.say(text);
  }

  show(question, found, began) {
    const render = MEDIA[this.dataset.task]?.show ?? RENDERERS[this.dataset.task] ?? (() => []);
    const parts = render(found, question, this.dataset);
    this.answer.replaceChildren(...(parts.length ? parts : [element("p", this.dataset.nothing)]));
    this.answer.hidden = false;
    this.json.hidden = found instanceof Blob;
    this.json.querySelector("code").textContent = JSON.stringify(found, null, 2).slice(0, 20000);
    this.took(began);
  }
}

// A text with marks from `start` to `end`, which count characters as Python does.
function marked(text, spans) {
  const line = element("p", "", { class: "widget-text", translate: "no" });
  const characters = Array.from(text);
  let at = 0;
  for (const { start, end, label } of spans) {
    if (start < at) continue;
    line.append(characters.slice(at, start).join(""));
    const mark = element("mark", characters.slice(start, end).join(""));
    if (label) mark.append(element("span", label, { class: "widget-label" }));
    line.append(mark);
    at = end;
  }
  line.append(characters.slice(at).join(""));
  return [line];
}

function numbers(found, said) {
  const isTokens = Array.isArray(found[0]);
  const rows = isTokens && found.length === 1 ? found[0] : found;
  if (Array.isArray(rows[0])) return [element("p", said.rows.replace("{count}", rows.length)), ...shown(rows[0], said)];
  return shown(rows, said);
}

function shown(row, said) {
  const few = row.slice(0, NUMBERS_SHOWN).map((number) => Number(number).toFixed(4)).join(", ");
  return [element("p", said.numbers.replace("{count}", row.length)), element("code", `${few}${row.length > NUMBERS_SHOWN ? ", …" : ""}`)];
}

const RENDERERS = {
  "text-classification": (found) => bars(found[0]),
  "zero-shot-classification": (found) => bars(found),
  "fill-mask": (found) => bars(found.flat().map((one) => ({ label: one.sequence, score: one.score }))),
  "token-classification": (found, { inputs }) =>
    found.length ? marked(inputs, found.map((one) => ({ ...one, label: one.entity_group ?? one.entity }))) : [],
  "question-answering": (found, { inputs }) => [
    ...bars([{ label: found.answer, score: found.score }]),
    ...marked(inputs.context, [found]),
  ],
  "sentence-similarity": (found, { inputs }) =>
    bars(found.map((score, number) => ({ label: inputs.sentences[number], score }))),
  "feature-extraction": (found, _question, said) => numbers(found, said),
};

customElements.define("model-widget", ModelWidget);
