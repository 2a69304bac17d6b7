// <facet-panel>: open beside the list where there is room; a long facet's choices come when it is opened, with a box that
// narrows them.
import "./size-slider.js";

const WIDE = window.matchMedia("(min-width: 60.01rem)");

class FacetPanel extends HTMLElement {
  connectedCallback() {
    const sheet = this.querySelector(".facet-sheet");
    const fit = () => { sheet.open = WIDE.matches; };
    fit();
    WIDE.addEventListener("change", fit);
    for (const input of this.querySelectorAll(".facet-filter")) offer(input);
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
        if (more.open) fill(section, more);
        opened[more.open ? "add" : "delete"](section.dataset.facet);
        sessionStorage.setItem(key, JSON.stringify([...opened]));
      });
    }
  }
}

// The rest of a facet is on the page that its link leads to.
async function fill(section, more) {
  const link = more.querySelector(".facet-rest a");
  if (!link || more.ariaBusy === "true") return;
  more.ariaBusy = "true";
  const answer = await fetch(link.href).catch(() => null);
  more.ariaBusy = null;
  const page = new DOMParser().parseFromString(answer?.ok ? await answer.text() : "", "text/html");
  const rest = page.querySelector(`[data-facet="${CSS.escape(section.dataset.facet)}"] .facet-more`);
  const input = rest?.querySelector(".facet-filter");
  if (!input) return; // the link is still there
  more.replaceChildren(more.querySelector("summary"), input, rest.querySelector(".facet-list"));
  offer(input);
}

function offer(input) {
  input.hidden = false;
  const items = [...input.parentElement.querySelectorAll("li")];
  input.addEventListener("input", () => narrow(items, input.value));
}

function narrow(items, text) {
  const wanted = plain(text);
  for (const item of items) item.hidden = !plain(item.textContent).includes(wanted);
}

function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}

customElements.define("facet-panel", FacetPanel);
