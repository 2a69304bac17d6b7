// <line-notes> around a diff: each line can be commented on where it stands. Without scripts the form below asks which.
class LineNotes extends HTMLElement {
  connectedCallback() {
    this.form = document.getElementById("note-form");
    if (!this.form) return;
    for (const cell of this.querySelectorAll(".change[data-path] .diff td.n[data-n]")) this.offer(cell);
    this.addEventListener("click", (event) => {
      const button = event.target.closest("button.note");
      if (button) this.ask(button.closest("td"));
    });
  }

  offer(cell) {
    // One button a row: on the line as it is after the change, or before it where it is gone.
    if (!cell.dataset.n || (this.sideOf(cell) === "old" && !cell.closest("tr").matches(".del") && !cell.closest(".split"))) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "note";
    button.textContent = "+";
    button.setAttribute("aria-label", `${this.dataset.label} ${cell.dataset.n}`);
    cell.append(button);
  }

  sideOf(cell) {
    return cell === cell.parentElement.querySelector("td.n") ? "old" : "new";
  }

  ask(cell) {
    const row = document.createElement("tr");
    row.className = "notes";
    const place = document.createElement("td");
    place.colSpan = 4;
    place.append(this.form);
    row.append(place);
    document.querySelector("tr.notes.asking")?.remove();
    row.classList.add("asking");
    cell.closest("tr").after(row);
    this.form.elements.path.value = cell.closest("[data-path]").dataset.path;
    this.form.elements.line.value = cell.dataset.n;
    this.form.elements.side.value = this.sideOf(cell);
    this.form.querySelector("textarea").focus();
  }
}

customElements.define("line-notes", LineNotes);
