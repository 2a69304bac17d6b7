// <api-try>: calls an address of this hub, with a token of one's own, and shows what comes back.
const SHOWN_MAX = 20000;

class ApiTry extends HTMLElement {
  connectedCallback() {
    this.answer = this.querySelector(".try-answer");
    this.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  field(name) {
    return this.querySelector(`#try-${name}`).value.trim();
  }

  async send() {
    this.answer.textContent = this.dataset.running;
    const [method, token, body] = [this.field("method"), this.field("token"), this.field("body")];
    const headers = { Accept: "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    const csrf = document.querySelector('meta[name="csrf-token"]')?.content;
    if (csrf) headers["X-CSRF-Token"] = csrf;
    try {
      const address = new URL(this.field("path"), location.origin);
      const response = await fetch(location.origin + address.pathname + address.search, {
        method, headers, body: body && method !== "GET" ? body : undefined,
      });
      this.show(response.status, await response.text());
    } catch {
      this.answer.textContent = this.dataset.failed;
    }
  }

  show(status, text) {
    const line = document.createElement("p");
    line.textContent = `HTTP ${status}`;
    const block = document.createElement("pre");
    block.tabIndex = 0;
    block.textContent = pretty(text).slice(0, SHOWN_MAX);
    this.answer.replaceChildren(line, block);
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

customElements.define("api-try", ApiTry);
