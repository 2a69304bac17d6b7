// <name-check>: says while one types whether a name can be had.
const WAIT_MS = 300;

class NameCheck extends HTMLElement {
  connectedCallback() {
    this.owner = this.querySelector('[name="owner"]');
    this.name = this.querySelector('[name="name"]');
    this.answer = this.querySelector(".name-answer");
    for (const field of [this.owner, this.name]) field.addEventListener("input", () => this.ask());
  }

  ask() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), WAIT_MS);
  }

  async check() {
    const asked = new URLSearchParams({ type: this.dataset.type, owner: this.owner.value, name: this.name.value });
    const answer = await fetch(`/new/name-check?${asked}`);
    const problem = answer.ok ? await answer.text() : "";
    const isFree = answer.ok && !problem && this.name.value !== "";
    this.name.setAttribute("aria-invalid", String(problem !== ""));
    this.answer.textContent = problem || (isFree ? this.dataset.free : "");
    this.answer.dataset.kind = problem ? "error" : "success";
  }
}

customElements.define("name-check", NameCheck);
