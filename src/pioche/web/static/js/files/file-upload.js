// <file-upload>: chosen and dropped files in a queue, sent by the Hub's own client (LFS or Xet, as the hub says). It can be
// paused; a loss of the network is waited out; whatever arrived stays when sending stops: going on sends the rest.
import { sameAsInRepo } from "./same-files.js";
import { Transfer } from "./transfer.js";

const IGNORED = /(^|\/)(\.git|\.DS_Store|Thumbs\.db|__pycache__|\.ipynb_checkpoints|node_modules|\.venv|\.env)(\/|$)/;

class FileUpload extends HTMLElement {
  connectedCallback() {
    if (!this.dataset.module) return;
    this.form = this.querySelector("form");
    this.button = this.form.querySelector("button[value=commit]");
    this.label = this.button.textContent;
    this.items = [];
    for (const part of this.querySelectorAll("[data-only-scripts]")) part.hidden = false;
    for (const part of this.querySelectorAll("[data-only-plain]")) part.hidden = true;
    for (const input of this.querySelectorAll("input[type=file]")) {
      input.addEventListener("change", () => {
        for (const file of input.files) this.add(file, file.webkitRelativePath || file.name);
        input.value = "";
      });
    }
    const drop = this.querySelector(".drop");
    drop.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => this.dropped(event, drop));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.pressed();
    });
    addEventListener("beforeunload", (event) => {
      if (this.transfer) event.preventDefault();
    });
  }

  async dropped(event, drop) {
    event.preventDefault();
    drop.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    for (const entry of entries) await this.walk(entry, "");
  }

  async walk(entry, folder) {
    if (entry.isFile) {
      this.add(await new Promise((resolve, reject) => entry.file(resolve, reject)), folder + entry.name);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const inside of some) await this.walk(inside, `${folder}${entry.name}/`);
    }
  }

  // Chosen twice, a path has the file that was chosen last.
  add(file, name) {
    this.client ??= import(this.dataset.module);  // now, while there is a network
    const before = this.items.find((one) => one.path.value === name);
    if (before) this.remove(before);
    const item = { file, isDone: false, ...row(this.dataset, name) };
    item.button.addEventListener("click", () => this.remove(item));
    this.items.push(item);
    this.querySelector(".queue").append(item.row);
  }

  remove(item) {
    this.items = this.items.filter((one) => one !== item);
    item.row.remove();
  }

  pressed() {
    if (this.transfer?.isPaused) {
      this.transfer.resume();
      this.show("sending");
    } else if (this.transfer) {
      this.transfer.pause();
      this.show("paused");
    } else if (this.items.length) {
      this.send();
    } else {
      this.querySelector("input[type=file]").focus();
    }
  }

  show(state) {
    const texts = this.dataset;
    const words = { paused: texts.paused, offline: texts.offline, waiting: texts.unreachable, sending: "" };
    this.tell(words[state] ?? "");
    this.button.textContent = state === "paused" ? texts.resume : texts.pause;
  }

  async send() {
    this.transfer = new Transfer({ tell: (state) => this.show(state), committed: () => this.hasArrived() });
    this.show("sending");
    for (const part of this.form.querySelectorAll(".queue input, .queue button")) part.disabled = true;
    try {
      const output = await this.run();
      this.transfer = null;
      if (output) location.assign(output.pullRequestUrl ? `${this.dataset.commit}/${output.commit.oid}` : this.dataset.done);
      else this.stopped(this.dataset.nothing);
    } catch (error) {
      this.transfer = null;
      this.stopped(this.dataset.failed.replace("{reason}", error.message), this.dataset.resume);
    }
  }

  stopped(text, label = this.label) {
    this.tell(text);
    this.button.textContent = label;
    for (const part of this.form.querySelectorAll(".queue input, .queue button")) part.disabled = false;
  }

  // Gives what the commit gave, or nothing when all files were in the repo already.
  async run() {
    const { commitIter } = await this.client;
    const fields = this.form.elements;
    const folder = fields.folder.value.replace(/^\/+|\/+$/g, "");
    const byPath = new Map(this.items.map((item) => [folder ? `${folder}/${item.path.value}` : item.path.value, item]));
    const isPullRequest = this.form.querySelector("[name=target]:checked")?.value === "pull";
    const known = await sameAsInRepo(this.dataset, byPath, this.transfer.fetch);
    for (const path of known) {
      this.finish(byPath.get(path), this.dataset.same);
      byPath.delete(path);
    }
    if (!byPath.size) return undefined;
    this.title = fields.summary.value.trim() || fields.summary.placeholder;
    this.head = isPullRequest ? null : await this.tip();
    const events = commitIter({
      repo: { type: this.dataset.type, name: this.dataset.repo },
      hubUrl: location.origin,
      branch: this.dataset.rev,
      operations: [...byPath].map(([path, item]) => ({ operation: "addOrUpdate", path, content: item.file })),
      title: this.title,
      description: fields.description.value,
      isPullRequest,
      useWebWorkers: false,  // they would be made of a text, which the policy forbids
      fetch: this.transfer.fetch,
    });
    const started = performance.now();
    for (;;) {
      const { value, done } = await events.next();
      if (done) {
        for (const item of byPath.values()) this.finish(item, this.dataset.ready);
        return value;
      }
      if (value.event === "fileProgress") this.progress(byPath.get(value.path), value, started);
    }
  }

  // The branch's newest commit, by which a commit whose answer was lost is found.
  async tip() {
    const answer = await this.transfer.fetch(`${this.dataset.api}/commits/${encodeURIComponent(this.dataset.rev)}?limit=1`);
    return answer.ok ? (await answer.json())[0] : null;
  }

  async hasArrived() {
    if (!this.head) throw new TypeError(this.dataset.unreachable);
    const now = await this.tip();
    return now && now.id !== this.head.id && now.title === this.title ? { commitOid: now.id, commitUrl: "" } : undefined;
  }

  finish(item, text) {
    item.bar.value = 1;
    item.state.textContent = text;
  }

  progress(item, { progress, state }, started) {
    if (!item || this.transfer?.isPaused) return;
    item.bar.value = progress;
    const speed = (item.file.size * progress) / Math.max((performance.now() - started) / 1000, 0.1);
    const words = { hashing: this.dataset.hashing, uploading: this.dataset.sending }[state] ?? state;
    item.state.textContent = state === "uploading" ? `${words}, ${this.dataset.speed.replace("{speed}", size(speed))}` : words;
  }

  tell(text) {
    this.querySelector(".upload-status").textContent = text;
  }
}

// One line of the queue.
function row(texts, name) {
  const line = document.createElement("li");
  const path = document.createElement("input");
  path.className = "input";
  path.value = name;
  path.setAttribute("aria-label", texts.path);
  const state = document.createElement("span");
  state.className = "muted";
  state.textContent = IGNORED.test(name) ? `${texts.ignored} ${name}` : texts.waiting;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet";
  button.textContent = texts.remove;
  button.setAttribute("aria-label", `${texts.remove} ${name}`);
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", name);
  line.append(path, state, button, bar);
  return { path, state, button, bar, row: line };
}

function size(bytes) {
  const units = document.documentElement.lang === "fr" ? ["octet", "Ko", "Mo", "Go"] : ["B", "kB", "MB", "GB"];
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 3);
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 }).format(bytes / 1000 ** step);
  return `${number}\u00a0${units[step]}`;
}

customElements.define("file-upload", FileUpload);
