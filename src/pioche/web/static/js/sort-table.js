// <sort-table><table>: a click on a column's head sorts by it. A cell may say its value in `data-value`.
class SortTable extends HTMLElement {
  connectedCallback() {
    const heads = this.querySelectorAll("thead th");
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => this.sort(head, column));
    });
  }

  sort(head, column) {
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const other of this.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = this.querySelector("tbody");
    const rows = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
    const sign = ascending ? 1 : -1;
    rows.sort(([a], [b]) => sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))));
    body.append(...rows.map(([, row]) => row));
  }
}

function valueOf(cell) {
  const text = cell.dataset.value ?? cell.textContent.trim();
  return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
}

customElements.define("sort-table", SortTable);
