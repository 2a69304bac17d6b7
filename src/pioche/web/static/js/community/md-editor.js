// <md-editor>: a text area with a preview from the server, names to choose after @, pictures, and a draft that the browser keeps.
import { Draft } from "./draft.js";
import { Names } from "./names.js";
import { Pictures } from "./pictures.js";

class MdEditor extends HTMLElement {
  connectedCallback() {
    if (this.area) return;
    this.area = this.querySelector("textarea");
    this.button = this.querySelector("button[formaction]");
    this.names = new Names(this, this.area);
    if (this.dataset.pictures) this.pictures = new Pictures(this, this.area);
    if (this.dataset.draft) this.draft = new Draft(this, this.area);
    if (this.button) this.offerPreview();
  }

  offerPreview() {
    this.shown = document.createElement("div");
    this.shown.className = "prose comment-text md-preview";
    this.shown.hidden = true;
    this.shown.tabIndex = 0;
    this.shown.setAttribute("role", "region");
    this.shown.setAttribute("aria-label", this.dataset.preview);
    this.area.after(this.shown);
    this.button.addEventListener("click", (event) => {
      event.preventDefault();
      if (this.shown.hidden) this.preview();
      else this.write();
    });
  }

  async preview() {
    const body = new FormData(this.area.form);
    body.set("text", this.area.value);
    const sent = new URLSearchParams([["csrf", body.get("csrf") ?? ""], ["text", this.area.value]]);
    const answer = await fetch(this.button.getAttribute("formaction"), { method: "POST", body: sent }).catch(() => null);
    if (!answer?.ok) {
      this.area.form.requestSubmit(this.button);
      return;
    }
    // Rendered and made safe by the server; parsed apart from the page, where nothing runs.
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    this.shown.replaceChildren(...(page.getElementById("preview")?.childNodes ?? []));
    this.show(true);
    this.shown.focus();
  }

  write() {
    this.show(false);
    this.area.focus();
  }

  show(isPreview) {
    this.shown.hidden = !isPreview;
    this.area.hidden = isPreview;
    this.button.textContent = isPreview ? this.dataset.write : this.dataset.preview;
  }
}

customElements.define("md-editor", MdEditor);
