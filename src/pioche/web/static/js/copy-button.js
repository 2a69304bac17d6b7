// <copy-button data-text="..."><button hidden>: the button appears, and copies. Also over plain http, where the browser
// gives no clipboard to scripts.
import { toast } from "./toast.js";

export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

class CopyButton extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await copy(this.dataset.text);
      toast(document.getElementById("toasts")?.dataset.copied ?? "");
      button.focus();
    });
  }
}

customElements.define("copy-button", CopyButton);
