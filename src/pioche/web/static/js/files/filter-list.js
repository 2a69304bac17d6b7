// A field above a list shows only what has the letters typed.
class FilterList extends HTMLElement {
  connectedCallback() {
    const label = this.querySelector("label.filter");
    const input = label?.querySelector("input");
    if (!input) return;
    label.hidden = false;
    input.addEventListener("input", () => this.filter(input.value.trim().toLowerCase()));
  }

  filter(text) {
    for (const item of this.querySelectorAll(this.dataset.rows === "tr" ? "tbody tr" : "li")) {
      item.hidden = text !== "" && !item.textContent.toLowerCase().includes(text);
    }
  }
}

customElements.define("filter-list", FilterList);
