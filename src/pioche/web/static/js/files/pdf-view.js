// <pdf-view data-src data-module data-worker>: the pages of a PDF, each drawn on a canvas when it comes into view. Nothing in the
// file runs: no script of it, no form, no link. Where it cannot be read the text inside stays as it is.
const PAGES_MAX = 500;
const DRAWN_MAX = 12;
const PIXELS_MAX = 4_000_000;
const OPTIONS = {
  isEvalSupported: false,
  enableXfa: false,
  disableFontFace: true, // glyphs are drawn as paths: no font of a stranger's comes into the page
  useSystemFonts: true,
  useWasm: false,
  disableAutoFetch: true,
  disableStream: true,
  maxImageSize: 25_000_000,
  canvasMaxAreaInBytes: 4 * PIXELS_MAX,
  verbosity: 0,
};

class PdfView extends HTMLElement {
  async connectedCallback() {
    try {
      const { getDocument, PDFWorker } = await import(this.dataset.module);
      // Told twice how much it says on the console: the worker has its own.
      const worker = PDFWorker.create({ port: new Worker(this.dataset.worker, { type: "module" }), verbosity: OPTIONS.verbosity });
      const pdf = await getDocument({ url: this.dataset.src, worker, ...OPTIONS }).promise;
      await this.lay(pdf);
    } catch {
      this.toggleAttribute("data-failed", true); // the description and the download are all there is
    }
  }

  // An empty place for each page, of the shape of the first one.
  async lay(pdf) {
    const count = Math.min(pdf.numPages, PAGES_MAX);
    const { width, height } = (await pdf.getPage(1)).getViewport({ scale: 1 });
    const pages = Array.from({ length: count }, (_, index) => {
      const page = document.createElement("div");
      page.className = "pdf-page";
      page.dataset.number = index + 1;
      page.style.aspectRatio = `${width} / ${height}`;
      page.setAttribute("role", "group");
      page.setAttribute("aria-label", this.dataset.page.replace("{n}", index + 1).replace("{m}", pdf.numPages));
      return page;
    });
    this.replaceChildren(...pages);
    this.drawn = [];
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) this.draw(pdf, entry.target);
    }, { rootMargin: "300px" });
    for (const page of pages) seen.observe(page);
  }

  async draw(pdf, place) {
    if (place.childElementCount || place.ariaBusy === "true") return;
    place.ariaBusy = "true";
    try {
      const page = await pdf.getPage(Number(place.dataset.number));
      const canvas = document.createElement("canvas");
      const viewport = page.getViewport({ scale: scaleOf(page.getViewport({ scale: 1 }), place.clientWidth) });
      canvas.width = Math.floor(viewport.width);
      canvas.height = Math.floor(viewport.height);
      await page.render({ canvas, viewport, annotationMode: 0 }).promise;
      const text = document.createElement("p");
      text.className = "visually-hidden";
      text.textContent = (await page.getTextContent()).items.map((item) => item.str).join(" ");
      place.style.aspectRatio = `${viewport.width} / ${viewport.height}`;
      place.replaceChildren(canvas, text);
      this.keep(place);
    } catch {
      place.toggleAttribute("data-failed", true);
    }
    place.ariaBusy = null;
  }

  // A few pages at a time: those that were drawn first give way, and are drawn again when they are looked at.
  keep(place) {
    this.drawn.push(place);
    if (this.drawn.length > DRAWN_MAX) this.drawn.shift().replaceChildren();
  }
}

function scaleOf({ width, height }, shownWidth) {
  const wanted = (shownWidth * Math.min(devicePixelRatio, 2)) / width;
  return Math.min(wanted, Math.sqrt(PIXELS_MAX / (width * height)));
}

customElements.define("pdf-view", PdfView);
