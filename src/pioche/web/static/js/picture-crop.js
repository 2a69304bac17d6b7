// <picture-crop>: shows what of a picture will be kept. For a square: moved by dragging or by two sliders, zoomed by a third.
const SIDE = 256;

class PictureCrop extends HTMLElement {
  connectedCallback() {
    if (this.input) return;
    this.input = this.querySelector("input[type=file]");
    this.input.addEventListener("change", () => this.choose(this.input.files[0]));
  }

  async choose(file) {
    if (!file) return;
    const address = URL.createObjectURL(file);
    const image = new Image();
    image.src = address;
    try {
      await image.decode();
    } catch {
      this.stage?.remove(); // the server says what is wrong with it
      return;
    } finally {
      URL.revokeObjectURL(address);
    }
    this.image = image;
    this.short = Math.min(image.naturalWidth, image.naturalHeight);
    if (!this.stage?.isConnected) this.build();
    for (const [name, value] of [["zoom", 0], ["across", 50], ["down", 50]]) this.sliders[name].value = value;
    this.draw();
  }

  build() {
    const isSquare = this.dataset.square === "yes";
    this.stage = document.createElement("div");
    this.stage.className = "picture-stage";
    this.canvas = document.createElement("canvas");
    this.canvas.width = isSquare ? SIDE : 400;
    this.canvas.height = isSquare ? SIDE : 210;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", this.dataset.preview);
    this.stage.append(this.canvas);
    this.sliders = {};
    for (const name of ["zoom", "across", "down"]) this.addSlider(name, isSquare);
    this.fields = isSquare ? ["x", "y", "side"].map((name) => this.addField(name)) : [];
    if (isSquare) this.followPointer();
    this.append(this.stage);
  }

  addSlider(name, isShown) {
    const label = document.createElement("label");
    const slider = document.createElement("input");
    slider.type = "range";
    slider.min = 0;
    slider.max = 100;
    label.append(this.dataset[name], slider);
    label.hidden = !isShown;
    slider.addEventListener("input", () => this.draw());
    this.sliders[name] = slider;
    this.stage.append(label);
  }

  addField(name) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    this.stage.append(field);
    return field;
  }

  followPointer() {
    this.canvas.addEventListener("pointerdown", (event) => this.canvas.setPointerCapture(event.pointerId));
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.canvas.hasPointerCapture(event.pointerId)) return;
      const [, , width] = this.kept();
      const scale = width / this.canvas.clientWidth;
      this.move("across", event.movementX * scale, this.image.naturalWidth - width);
      this.move("down", event.movementY * scale, this.image.naturalHeight - width);
      this.draw();
    });
  }

  move(name, pixels, room) {
    if (room > 0) this.sliders[name].value = Number(this.sliders[name].value) - (pixels / room) * 100;
  }

  // What is kept, in pixels of the picture: x, y, width, height.
  kept() {
    const { naturalWidth, naturalHeight } = this.image;
    const ratio = this.canvas.width / this.canvas.height;
    const most = Math.min(naturalWidth, naturalHeight * ratio);
    const width = most / (1 + (Number(this.sliders.zoom.value) / 100) * 4);
    const height = width / ratio;
    const at = (name, room) => (Number(this.sliders[name].value) / 100) * room;
    return [at("across", naturalWidth - width), at("down", naturalHeight - height), width, height];
  }

  draw() {
    const [x, y, width, height] = this.kept();
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.image, x, y, width, height, 0, 0, this.canvas.width, this.canvas.height);
    const parts = [x, y, width].map((pixels) => (pixels / this.short).toFixed(5));
    this.fields.forEach((field, number) => { field.value = parts[number]; });
  }
}

customElements.define("picture-crop", PictureCrop);
