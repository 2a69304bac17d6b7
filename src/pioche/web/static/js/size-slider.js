// <size-slider>: says what its two ends stand at, and goes there when one is let go.
class SizeSlider extends HTMLElement {
  connectedCallback() {
    const labels = JSON.parse(this.dataset.labels);
    const form = this.querySelector("form");
    form.querySelector("button").hidden = true;
    for (const range of form.querySelectorAll("input[type=range]")) {
      const output = form.querySelector(`output[for="${range.id}"]`);
      range.addEventListener("input", () => {
        output.textContent = labels[range.value];
        range.setAttribute("aria-valuetext", labels[range.value]);
      });
      range.addEventListener("change", () => form.requestSubmit());
    }
  }
}

customElements.define("size-slider", SizeSlider);
