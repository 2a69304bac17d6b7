// <traffic-weights>: a slider for each deployment's percent. What one gains the others lose, in proportion.
class TrafficWeights extends HTMLElement {
  connectedCallback() {
    this.inputs = [...this.querySelectorAll("input[data-weight]")];
    if (this.inputs.length < 2) return;
    this.ranges = this.inputs.map((input) => this.slider(input));
  }

  slider(input) {
    const range = document.createElement("input");
    Object.assign(range, { type: "range", min: 0, max: 100, step: 1, value: input.value });
    range.setAttribute("aria-label", input.labels[0].textContent + ", " + input.closest("fieldset").querySelector("legend").textContent);
    input.after(range);
    range.addEventListener("input", () => this.share(input, Number(range.value)));
    input.addEventListener("change", () => this.share(input, Number(input.value)));
    return range;
  }

  share(changed, value) {
    const others = this.inputs.filter((input) => input !== changed);
    const sum = others.reduce((total, input) => total + Number(input.value), 0);
    const rest = Math.max(0, 100 - value);
    let left = rest;
    others.forEach((input, place) => {
      const part = sum ? (rest * Number(input.value)) / sum : rest / others.length;
      const given = place === others.length - 1 ? left : Math.round(part * 100) / 100;
      left -= given;
      input.value = String(Math.round(given * 100) / 100);
    });
    changed.value = String(value);
    this.inputs.forEach((input, place) => { this.ranges[place].value = input.value; });
  }
}

customElements.define("traffic-weights", TrafficWeights);
