// <toggle-button data-api>: its form's button is pressed or not. The page changes at once; the hub is told meanwhile, and
// when that fails it is as it was. `data-field` names the count in the answer, `data-on` and `data-off` are labels.
import { toast } from "./toast.js";

class ToggleButton extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.toggle();
    });
  }

  get isOn() {
    const button = this.form.querySelector("button");
    return (button.getAttribute("aria-pressed") ?? String(button.dataset.state === "on")) === "true";
  }

  show(isOn) {
    const button = this.form.querySelector("button");
    if (button.hasAttribute("aria-pressed")) button.setAttribute("aria-pressed", String(isOn));
    else button.dataset.state = isOn ? "on" : "off";
    const label = button.querySelector("[data-label]");
    if (label) label.textContent = isOn ? this.dataset.on : this.dataset.off;
    this.form.elements.undo.value = isOn ? "yes" : "";
  }

  count(change) {
    const place = this.querySelector("[data-count]");
    const shown = Number(place?.textContent.replace(/\D/g, ""));
    if (place) place.textContent = (shown + change).toLocaleString(document.documentElement.lang);
  }

  async toggle() {
    if (this.isBusy) return;
    this.isBusy = true;
    const wanted = !this.isOn;
    this.show(wanted);
    this.count(wanted ? 1 : -1);
    const token = document.querySelector('meta[name="csrf-token"]')?.content;
    try {
      const headers = token ? { "X-CSRF-Token": token } : {};
      const answer = await fetch(this.dataset.api, { method: wanted ? "POST" : "DELETE", headers });
      if (!answer.ok) throw new Error(answer.statusText);
      const told = (await answer.json())[this.dataset.field];
      const place = this.querySelector("[data-count]");
      if (place && Number.isInteger(told)) place.textContent = told.toLocaleString(document.documentElement.lang);
    } catch {
      this.show(!wanted);
      this.count(wanted ? -1 : 1);
      toast(this.dataset.failed);
    } finally {
      this.isBusy = false;
    }
  }
}

customElements.define("toggle-button", ToggleButton);
