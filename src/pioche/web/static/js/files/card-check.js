// <card-check data-address data-card>: while one writes the card, what the commit would be told of its metadata stands here.
const WAIT_MS = 400;
const METADATA_MAX = 70000;

class CardCheck extends HTMLElement {
  connectedCallback() {
    this.form = this.closest("form");
    this.setAttribute("role", "region");
    this.setAttribute("aria-live", "polite");
    this.setAttribute("aria-label", this.dataset.title);
    this.form.addEventListener("input", () => this.ask());
    this.ask();
  }

  ask() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), WAIT_MS);
  }

  async check() {
    const { path, content, csrf } = this.form.elements;
    const metadata = path.value.trim() === this.dataset.card ? metadataOf(content.value) : "";
    if (metadata === this.asked) return;
    this.asked = metadata;
    if (!metadata) {
      this.replaceChildren();
      return;
    }
    const sent = new URLSearchParams({ csrf: csrf?.value ?? "", content: metadata });
    const answer = await fetch(this.dataset.address, { method: "POST", body: sent }).catch(() => null);
    const text = answer?.ok ? await answer.text() : "";
    if (this.asked !== metadata) return; // more was typed meanwhile
    if (!answer?.ok) this.asked = null; // the next key asks again
    const page = new DOMParser().parseFromString(text, "text/html");
    this.replaceChildren(...page.body.childNodes);
  }
}

// The block between the two lines of dashes with what stands before it; nothing where it is not closed yet.
function metadataOf(text) {
  const start = /^\uFEFF?\s*---[ \t]*\r?\n/.exec(text);
  if (!start) return "";
  const end = /^---[ \t]*\r?$/m.exec(text.slice(start[0].length, METADATA_MAX));
  return end ? text.slice(0, start[0].length + end.index + end[0].length) : "";
}

customElements.define("card-check", CardCheck);
