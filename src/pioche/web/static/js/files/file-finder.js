// Finds while one types: the server's list, anew; arrow keys go through it, Enter opens the first.
const WAIT_MS = 150;

class FileFinder extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    let timer = 0;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.find(input), WAIT_MS);
    });
    this.addEventListener("keydown", (event) => this.move(event, input));
    this.querySelector("form").addEventListener("submit", (event) => {
      const first = this.querySelector(".paths a");
      if (!first) return;
      event.preventDefault();
      first.click();
    });
  }

  async find(input) {
    const asked = input.value;
    const address = `${this.querySelector("form").action}?${new URLSearchParams({ q: asked })}`;
    const answer = await fetch(address, { headers: { accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) return;
    const other = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (asked !== input.value) return;
    this.querySelector(".found").replaceChildren(...other.querySelector(".found").children);
    history.replaceState(history.state, "", address);
  }

  move(event, input) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const stops = [input, ...this.querySelectorAll(".paths a")];
    const at = stops.indexOf(document.activeElement);
    stops[Math.min(Math.max(at + step, 0), stops.length - 1)].focus();
  }
}

customElements.define("file-finder", FileFinder);
