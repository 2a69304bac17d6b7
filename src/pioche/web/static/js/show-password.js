// <show-password data-show="..." data-hide="...">: a button beside the field shows what was typed.
class ShowPassword extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    if (!input) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "show";
    button.setAttribute("aria-controls", input.id);
    const label = (verb) => {
      button.textContent = this.dataset[verb];
      button.setAttribute("aria-label", this.dataset[`${verb}Label`]);
    };
    label("show");
    button.addEventListener("click", () => {
      const shown = input.type === "password";
      input.type = shown ? "text" : "password";
      label(shown ? "hide" : "show");
      input.focus();
    });
    // What is shown must not be sent as a text, which browsers remember.
    input.form?.addEventListener("submit", () => { input.type = "password"; });
    input.closest(".field").append(button);
    this.classList.add("is-ready");
  }
}

customElements.define("show-password", ShowPassword);
