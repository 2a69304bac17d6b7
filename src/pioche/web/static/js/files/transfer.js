// The requests of an upload, which outlive a pause and the loss of the network: each is sent again by itself, so that what was
// read and sent before stays read and sent.
const TRIES = 6;
const WAIT_MS = 1000;
const WAIT_MS_MAX = 15_000;
const PASSING = [429, 502, 503, 504];

// `tell(state)` hears "offline", "waiting" and "sending". `committed()` is asked when a commit's answer was lost: it gives
// what the answer would have said, or nothing when the commit did not arrive.
export class Transfer {
  constructor({ tell, committed }) {
    this.tell = tell;
    this.committed = committed;
    this.running = new Set();
    this.isPaused = false;
    this.fetch = (address, options = {}) => this.send(String(address.url ?? address), options);
  }

  pause() {
    this.isPaused = true;
    for (const controller of this.running) controller.abort();
  }

  resume() {
    this.isPaused = false;
    this.wake?.();
  }

  async whileOpen() {
    while (this.isPaused) {
      await new Promise((resolve) => {
        const before = this.wake;
        this.wake = () => {
          before?.();
          resolve();
        };
      });
    }
    this.wake = undefined;
  }

  async send(address, options) {
    for (let tries = 1; ; tries += 1) {
      await this.whileOpen();
      const controller = new AbortController();
      this.running.add(controller);
      options.signal?.addEventListener("abort", () => controller.abort(), { once: true });
      try {
        const answer = await once(address, { ...options, signal: controller.signal });
        if (!PASSING.includes(answer.status) || tries >= TRIES) return answer;
      } catch (error) {
        if (options.signal?.aborted) throw error;
        const known = isCommit(address) ? await this.committed() : undefined;
        if (known) return new Response(JSON.stringify(known), { status: 200 });
        if (this.isPaused) tries = 0;
        else if (tries >= TRIES && navigator.onLine) throw error;
      } finally {
        this.running.delete(controller);
      }
      if (!this.isPaused) await this.untilBetter(tries);
    }
  }

  async untilBetter(tries) {
    this.tell(navigator.onLine ? "waiting" : "offline");
    await new Promise((resolve) => {
      const done = () => {
        removeEventListener("online", done);
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(done, Math.min(WAIT_MS * 2 ** (tries - 1), WAIT_MS_MAX));
      addEventListener("online", done);
    });
    if (!this.isPaused) this.tell("sending");
  }
}

function isCommit(address) {
  return /^\/api\/[^?]*\/commit\/[^/?]+$/.test(new URL(address, location.href).pathname) && !address.includes("create_pr");
}

// As whoever is signed in: the page's token goes with what changes something on this host.
function once(address, options) {
  const headers = new Headers(options.headers);
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  if (token && new URL(address, location.href).origin === location.origin) headers.set("X-CSRF-Token", token);
  if (options.progressHint && options.body) return measured(address, { ...options, headers });
  return fetch(address, { ...options, headers, credentials: "same-origin" });
}

// By XMLHttpRequest, which alone says how much was sent.
function measured(address, { method, headers, body, signal, progressHint }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    for (const [name, value] of headers) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progressHint.progressCallback(share(progressHint, event.loaded / event.total));
    });
    request.addEventListener("load", () => {
      const lines = request.getAllResponseHeaders().trim().split(/[\r\n]+/);
      const found = lines.filter(Boolean).map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
      const content = request.status === 204 || request.status === 304 ? null : request.response;
      resolve(new Response(content, { status: request.status, headers: found }));
    });
    request.addEventListener("error", () => reject(new TypeError("network")));
    request.addEventListener("abort", () => reject(new DOMException("Aborted", "AbortError")));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    if (signal.aborted) reject(new DOMException("Aborted", "AbortError"));
    else request.send(body);
  });
}

// Of a file that is sent in parts: all of them together.
function share(hint, progress) {
  if (hint.part === undefined) return Math.min(progress, 0.999);
  hint.progressCallback.parts ??= new Map();
  hint.progressCallback.parts.set(hint.part, progress);
  const sum = [...hint.progressCallback.parts.values()].reduce((all, one) => all + one, 0);
  return Math.min(sum / hint.numParts, 0.999);
}
