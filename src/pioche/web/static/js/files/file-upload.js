// <file-upload>: chosen and dropped files in a queue, sent by the Hub's own client. Whatever arrived stays when sending
// stops: going on sends the rest.
const IGNORED = /(^|\/)(\.git|\.DS_Store|Thumbs\.db|__pycache__|\.ipynb_checkpoints|node_modules|\.venv|\.env)(\/|$)/;

class FileUpload extends HTMLElement {
  connectedCallback() {
    if (!this.dataset.module) return;
    this.form = this.querySelector("form");
    this.items = [];
    for (const part of this.querySelectorAll("[data-only-scripts]")) part.hidden = false;
    for (const part of this.querySelectorAll("[data-only-plain]")) part.hidden = true;
    const drop = this.querySelector(".drop");
    const input = this.querySelector("input[type=file]");
    input.addEventListener("change", () => {
      for (const file of input.files) this.add(file, file.webkitRelativePath || file.name);
      input.value = "";
    });
    drop.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => this.dropped(event, drop));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.stopping) event.preventDefault();
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

  add(file, name) {
    const row = document.createElement("li");
    const path = document.createElement("input");
    path.className = "input";
    path.value = name;
    path.setAttribute("aria-label", this.dataset.path);
    const state = document.createElement("span");
    state.className = "muted";
    state.textContent = IGNORED.test(name) ? `${this.dataset.ignored} ${name}` : this.dataset.waiting;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "button quiet";
    remove.textContent = this.dataset.remove;
    remove.setAttribute("aria-label", `${this.dataset.remove} ${name}`);
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", name);
    row.append(path, state, remove, bar);
    const item = { file, path, state, bar, row };
    remove.addEventListener("click", () => {
      this.items = this.items.filter((one) => one !== item);
      row.remove();
    });
    this.items.push(item);
    this.querySelector(".queue").append(row);
  }

  async send() {
    if (this.stopping) {
      this.stopping.abort();
      return;
    }
    if (!this.items.length) {
      this.querySelector("input[type=file]").focus();
      return;
    }
    const button = this.form.querySelector("button[value=commit]");
    const label = button.textContent;
    button.textContent = this.dataset.pause;
    this.stopping = new AbortController();
    try {
      await this.transfer(this.stopping.signal);
      this.stopping = null;
      location.assign(this.dataset.done);
    } catch (error) {
      this.stopping = null;
      const reason = error.name === "AbortError" ? this.dataset.pause : error.message;
      this.tell(this.dataset.failed.replace("{reason}", reason));
      button.textContent = this.dataset.resume || label;
    }
  }

  async transfer(abortSignal) {
    const { uploadFilesWithProgress } = await import(this.dataset.module);
    const fields = this.form.elements;
    const folder = fields.folder.value.replace(/^\/+|\/+$/g, "");
    const byPath = new Map(this.items.map((item) => [folder ? `${folder}/${item.path.value}` : item.path.value, item]));
    const events = uploadFilesWithProgress({
      repo: { type: this.dataset.type, name: this.dataset.repo },
      hubUrl: location.origin,
      branch: this.dataset.rev,
      files: [...byPath].map(([path, item]) => ({ path, content: item.file })),
      commitTitle: fields.summary.value.trim() || fields.summary.placeholder,
      commitDescription: fields.description.value,
      isPullRequest: this.form.querySelector("[name=target]:checked")?.value === "pull",
      useWebWorkers: false,
      useXet: false,
      fetch: asUs,
      abortSignal,
    });
    const started = performance.now();
    for await (const event of events) if (event.event === "fileProgress") this.progress(byPath.get(event.path), event, started);
    for (const item of byPath.values()) {
      item.bar.value = 1;
      item.state.textContent = this.dataset.ready;
    }
  }

  progress(item, { progress, state }, started) {
    if (!item) return;
    item.bar.value = progress;
    const speed = (item.file.size * progress) / Math.max((performance.now() - started) / 1000, 0.1);
    const words = { hashing: this.dataset.hashing, uploading: this.dataset.sending }[state] ?? state;
    item.state.textContent = state === "uploading" ? `${words}, ${this.dataset.speed.replace("{speed}", size(speed))}` : words;
  }

  tell(text) {
    this.querySelector(".upload-status").textContent = text;
  }
}

// As whoever is signed in: the page's token goes with what changes something on this host.
function asUs(address, options = {}) {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  const headers = new Headers(options.headers ?? (address instanceof Request ? address.headers : undefined));
  if (token && new URL(address.url ?? address, location.href).origin === location.origin) headers.set("X-CSRF-Token", token);
  return fetch(address, { ...options, headers, credentials: "same-origin" });
}

function size(bytes) {
  const units = document.documentElement.lang === "fr" ? ["octet", "Ko", "Mo", "Go"] : ["B", "kB", "MB", "GB"];
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 3);
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 }).format(bytes / 1000 ** step);
  return `${number}\u00a0${units[step]}`;
}

customElements.define("file-upload", FileUpload);
