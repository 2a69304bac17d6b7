// <filter-rows data-label><table>: a field above the table that shows the rows with what is typed in their first cell.
class FilterRows extends HTMLElement {
  connectedCallback() {
    const label = document.createElement("label");
    label.className = "filter-rows";
    label.append(this.dataset.label);
    const input = document.createElement("input");
    input.type = "search";
    input.className = "input";
    label.append(input);
    this.prepend(label);
    const rows = [...this.querySelectorAll("tbody tr")];
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    });
  }
}

customElements.define("filter-rows", FilterRows);
