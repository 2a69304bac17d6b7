// <facet-panel>: open beside the list where there is room; each long facet gets a box that narrows it.
import "./size-slider.js";

const WIDE = window.matchMedia("(min-width: 60.01rem)");

class FacetPanel extends HTMLElement {
  connectedCallback() {
    const sheet = this.querySelector(".facet-sheet");
    const fit = () => { sheet.open = WIDE.matches; };
    fit();
    WIDE.addEventListener("change", fit);
    for (const input of this.querySelectorAll(".facet-filter")) {
      input.hidden = false;
      const items = [...input.parentElement.querySelectorAll("li")];
      input.addEventListener("input", () => narrow(items, input.value));
    }
    this.reopen();
  }

  // What was opened is open after going back, and after the panel was exchanged for another.
  reopen() {
    const key = `opened ${location.pathname}`;
    const opened = new Set(JSON.parse(sessionStorage.getItem(key) ?? "[]"));
    for (const section of this.querySelectorAll("[data-facet]")) {
      const more = section.querySelector(".facet-more");
      if (!more) continue;
      if (opened.has(section.dataset.facet)) more.open = true;
      more.addEventListener("toggle", () => {
        opened[more.open ? "add" : "delete"](section.dataset.facet);
        sessionStorage.setItem(key, JSON.stringify([...opened]));
      });
    }
  }
}

function narrow(items, text) {
  const wanted = plain(text);
  for (const item of items) item.hidden = !plain(item.textContent).includes(wanted);
}

function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}

customElements.define("facet-panel", FacetPanel);
