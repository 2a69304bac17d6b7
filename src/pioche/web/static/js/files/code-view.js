// Line numbers choose: a click one line, with Shift a range; `#L10-L20` in the address shows it.
class CodeView extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => this.choose(event));
    window.addEventListener("hashchange", () => this.show());
    this.show({ andScroll: true });
  }

  choose(event) {
    const link = event.target.closest(".line > a");
    if (!link) return;
    event.preventDefault();
    const line = Number(link.dataset.n);
    const [first] = range();
    const [from, to] = event.shiftKey && first ? [Math.min(first, line), Math.max(first, line)] : [line, line];
    history.replaceState(history.state, "", from === to ? `#L${from}` : `#L${from}-L${to}`);
    this.show();
  }

  show({ andScroll = false } = {}) {
    for (const line of this.querySelectorAll(".line.chosen")) line.classList.remove("chosen");
    const [from, to] = range();
    if (!from) return;
    const last = Math.min(to, Number(this.dataset.lines));
    for (let line = from; line <= last; line += 1) this.querySelector(`#L${line}`)?.classList.add("chosen");
    if (andScroll) this.querySelector(`#L${from}`)?.scrollIntoView({ block: "center" });
  }

  ask() {
    const line = Number(window.prompt(this.dataset.ask, "1"));
    if (!(line >= 1)) return;
    history.replaceState(history.state, "", `#L${Math.floor(line)}`);
    this.show({ andScroll: true });
  }
}

function range() {
  const found = /^#L(\d{1,7})(?:-L(\d{1,7}))?$/.exec(location.hash);
  if (!found) return [0, 0];
  const [from, to] = [Number(found[1]), Number(found[2] ?? found[1])];
  return from <= to ? [from, to] : [to, from];
}

// <wrap-toggle>: a button that breaks long lines.
class WrapToggle extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    button.hidden = false;
    button.addEventListener("click", () => {
      const wraps = document.querySelector("code-view").classList.toggle("wraps");
      button.setAttribute("aria-pressed", String(wraps));
    });
  }
}

customElements.define("code-view", CodeView);
customElements.define("wrap-toggle", WrapToggle);
