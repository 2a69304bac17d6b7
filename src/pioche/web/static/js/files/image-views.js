// <image-zoom>: a click shows the picture in its own size. <image-diff>: a slider wipes from one picture to the other.
class ImageZoom extends HTMLElement {
  connectedCallback() {
    const image = this.querySelector("img");
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    image.replaceWith(button);
    button.append(image);
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(this.classList.toggle("zoomed")));
    });
  }
}

class ImageDiff extends HTMLElement {
  connectedCallback() {
    const label = this.querySelector(".swipe");
    if (!label) return;
    const [before, after] = this.querySelectorAll("img");
    const slider = label.querySelector("input");
    label.hidden = false;
    slider.addEventListener("input", () => {
      const share = Number(slider.value);
      before.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
      after.style.clipPath = `inset(0 0 0 ${share}%)`;
      if (this.classList.contains("swiping")) return;
      this.classList.add("swiping");
      after.closest("figure").style.marginInlineStart = `calc(-${before.getBoundingClientRect().width}px - var(--space-4))`;
    });
  }
}

customElements.define("image-zoom", ImageZoom);
customElements.define("image-diff", ImageDiff);
