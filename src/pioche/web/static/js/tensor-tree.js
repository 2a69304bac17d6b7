// <tensor-tree>: what is found appears while one types, and folders that are too large for the page come when they are opened.
const WAIT_MS = 250;

class TensorTree extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    form.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.search(form), WAIT_MS);
    });
    this.addEventListener("toggle", (event) => this.open(event.target), true); // it does not bubble
  }

  async search(form) {
    const asked = `${form.getAttribute("action").split("#")[0]}?${new URLSearchParams(new FormData(form))}`;
    this.asked = asked;
    const found = await rowsAt(asked);
    if (found && this.asked === asked) this.querySelector("#tensor-rows").replaceWith(found);
  }

  async open(details) {
    if (!details.open || !("later" in details.dataset)) return;
    delete details.dataset.later;
    const found = await rowsAt(details.querySelector("a").href);
    const tree = found?.querySelector(".tensor-tree > ul");
    if (tree) details.querySelector("p").replaceWith(tree);
    else details.dataset.later = "";
  }
}

// The part of another page of tensors that has its rows; null when it cannot be had.
async function rowsAt(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("tensor-rows");
}

customElements.define("tensor-tree", TensorTree);
