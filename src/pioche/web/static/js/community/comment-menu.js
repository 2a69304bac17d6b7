// <comment-menu>: the options of a comment, which have a page of their own, below the comment.
class CommentMenu extends HTMLElement {
  connectedCallback() {
    this.link = this.querySelector("a");
    this.link?.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      if (this.shown) this.close();
      else this.open();
    });
  }

  async open() {
    if (this.hasAttribute("aria-busy")) return;
    this.setAttribute("aria-busy", "true");
    const answer = await fetch(this.link.href, { headers: { accept: "text/html" } }).catch(() => null);
    const page = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page && page.querySelector(".comment-do");
    if (!found) {
      location.assign(this.link.href);
      return;
    }
    this.removeAttribute("aria-busy");
    this.shown = found;
    this.link.setAttribute("aria-expanded", "true");
    this.closest(".comment").append(found);
    found.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      this.close();
      this.link.focus();
    });
    found.querySelector(".quote")?.addEventListener("click", (event) => this.quote(event));
    found.querySelector("button, a, summary")?.focus();
  }

  close() {
    this.shown?.remove();
    this.shown = null;
    this.link.removeAttribute("aria-expanded");
  }

  quote(event) {
    const area = document.querySelector("#reply textarea");
    if (!area) return;
    event.preventDefault();
    area.value = `${area.value.trimEnd()}${area.value.trim() ? "\n\n" : ""}${this.shown.dataset.quote}`;
    area.dispatchEvent(new Event("input", { bubbles: true }));
    this.close();
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }
}

customElements.define("comment-menu", CommentMenu);
