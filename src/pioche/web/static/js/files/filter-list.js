// A field above a list shows only what has the letters typed. Where the list is only the beginning of a longer one
// (data-search), the server is asked for the rest.
const WAIT_MS = 200;

class FilterList extends HTMLElement {
  connectedCallback() {
    const label = this.querySelector("label.filter");
    const input = label?.querySelector("input");
    if (!input) return;
    label.hidden = false;
    let timer = 0;
    input.addEventListener("input", () => {
      const text = input.value.trim();
      this.filter(text.toLowerCase());
      if (!this.dataset.search) return;
      clearTimeout(timer);
      timer = setTimeout(() => this.search(text, input), WAIT_MS);
    });
  }

  filter(text) {
    for (const item of this.querySelectorAll(this.dataset.rows === "tr" ? "tbody tr" : "li")) {
      item.hidden = text !== "" && !item.textContent.toLowerCase().includes(text);
    }
  }

  async search(text, input) {
    const list = this.querySelector(".found-revisions");
    if (!text) {
      list.replaceChildren();
      return;
    }
    const answer = await fetch(`${this.dataset.search}?${new URLSearchParams({ q: text })}`, { headers: { accept: "text/html" } }).catch(() => null);
    if (!answer?.ok || text !== input.value.trim()) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const shown = new Set([...this.querySelectorAll("li:not([hidden]) a")].filter((link) => !list.contains(link)).map((link) => link.href));
    const found = [...page.querySelectorAll("tr[data-revision]")].map((row) => row.dataset.revision);
    list.replaceChildren(...found.map((revision) => this.item(revision)).filter((item) => !shown.has(item.firstChild.href)));
  }

  item(revision) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    const name = document.createElement("bdi");
    name.textContent = revision.replace(/^refs\/pr\//, "#");
    link.href = this.dataset.link.replace("REVISION", () => encodeURIComponent(revision));
    link.append(name);
    item.append(link);
    return item;
  }
}

customElements.define("filter-list", FilterList);
