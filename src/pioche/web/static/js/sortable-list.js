// <sortable-list data-action>: items are dragged by their grip into another order, which the hub is told when one is let go.
// The buttons beside each item do the same without a pointer.
import { toast } from "./toast.js";

class SortableList extends HTMLElement {
  connectedCallback() {
    this.list = this.querySelector("ol");
    for (const item of this.list.children) {
      const grip = item.querySelector("[data-grip]");
      grip.hidden = false;
      // Only what is taken by its grip is dragged: texts can be selected as ever.
      grip.addEventListener("pointerdown", () => { item.draggable = true; });
      grip.addEventListener("pointerup", () => { item.draggable = false; });
      item.addEventListener("dragstart", (event) => this.take(item, event));
      item.addEventListener("dragend", () => this.drop(item));
    }
    this.list.addEventListener("dragover", (event) => this.over(event));
    this.list.addEventListener("drop", (event) => event.preventDefault());
  }

  get order() {
    return [...this.list.children].map((item) => item.dataset.uid).join(",");
  }

  take(item, event) {
    this.dragged = item;
    this.before = this.order;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", item.dataset.uid);
    item.classList.add("dragged");
  }

  over(event) {
    if (!this.dragged) return;
    event.preventDefault();
    const over = event.target.closest("li[data-uid]");
    if (!over || over === this.dragged) return;
    const box = over.getBoundingClientRect();
    if (event.clientY > box.top + box.height / 2) over.after(this.dragged);
    else over.before(this.dragged);
  }

  async drop(item) {
    item.draggable = false;
    item.classList.remove("dragged");
    this.dragged = null;
    if (this.order === this.before) return;
    const token = document.querySelector('meta[name="csrf-token"]')?.content;
    const body = new URLSearchParams({ do: "order", order: this.order });
    if (token) body.set("csrf", token);
    try {
      const answer = await fetch(this.dataset.action, { method: "POST", body });
      toast(answer.ok ? this.dataset.done : this.dataset.failed);
    } catch {
      toast(this.dataset.failed);
    }
  }
}

customElements.define("sortable-list", SortableList);
