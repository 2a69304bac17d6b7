// <search-box>: suggestions while one types, as a combobox; Enter without a choice goes to the full-text search.
const WAIT_MS = 150;

class SearchBox extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    this.list = document.createElement("div");
    this.list.className = "suggestions";
    this.list.id = "suggestions";
    this.list.hidden = true;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", this.dataset.label);
    this.append(this.list);
    for (const [name, value] of [["role", "combobox"], ["aria-controls", "suggestions"], ["aria-autocomplete", "list"]]) {
      this.input.setAttribute(name, value);
    }
    this.close();
    this.input.addEventListener("input", () => this.ask());
    this.input.addEventListener("keydown", (event) => this.move(event));
    this.input.addEventListener("focus", () => { if (this.list.childElementCount) this.open(); });
    this.addEventListener("focusout", (event) => { if (!this.contains(event.relatedTarget)) this.close(); });
  }

  ask() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetch(this.input.value.trim()), WAIT_MS);
  }

  async fetch(text) {
    this.pending?.abort();
    if (!text) return this.show("");
    this.pending = new AbortController();
    try {
      const answer = await fetch(`/search/suggest?q=${encodeURIComponent(text)}`, { signal: this.pending.signal });
      if (answer.ok) this.show(await answer.text());
    } catch (error) {
      if (error.name !== "AbortError") this.show("");
    }
  }

  show(html) {
    // Rendered and escaped by the server; parsed apart from the page, where nothing runs.
    const parsed = new DOMParser().parseFromString(html, "text/html");
    this.list.replaceChildren(...parsed.body.childNodes);
    if (this.list.childElementCount) this.open();
    else this.close();
  }

  get options() {
    return [...this.list.querySelectorAll('[role="option"]')];
  }

  open() {
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.select(null);
  }

  select(chosen) {
    for (const option of this.options) option.setAttribute("aria-selected", String(option === chosen));
    if (chosen) {
      this.input.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  move(event) {
    const options = this.options;
    const current = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "Escape" && !this.list.hidden) {
      event.preventDefault();
      this.close();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && options.length) {
      event.preventDefault();
      this.open();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const next = current < 0 ? (step > 0 ? 0 : options.length - 1) : (current + step + options.length) % options.length;
      this.select(options[next]);
    } else if (event.key === "Enter" && current >= 0 && !this.list.hidden) {
      event.preventDefault();
      location.assign(options[current].href);
    }
  }
}

customElements.define("search-box", SearchBox);
