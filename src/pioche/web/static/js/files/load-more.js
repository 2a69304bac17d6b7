// The page that a link leads to, put into this one: more rows (data-into), or one part anew (data-replace).
class LoadMore extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.load(link);
    });
  }

  async load(link) {
    if (this.hasAttribute("aria-busy")) return;
    this.setAttribute("aria-busy", "true");
    const answer = await fetch(link.href, { headers: { accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) {
      location.assign(link.href);
      return;
    }
    const other = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (this.dataset.into) this.append_(other);
    else this.replace(other, this.closest(this.dataset.replace));
  }

  append_(other) {
    const rows = other.querySelector(this.dataset.into).children;
    const first = rows[0];
    document.querySelector(this.dataset.into).append(...rows);
    const next = other.querySelector("load-more[data-into] a");
    if (next) {
      this.querySelector("a").href = next.href;
      this.removeAttribute("aria-busy");
    } else {
      this.remove();
    }
    first?.querySelector("a")?.focus();
  }

  replace(other, part) {
    const found = other.getElementById(part.id);
    if (found) part.replaceWith(found);
  }
}

customElements.define("load-more", LoadMore);
