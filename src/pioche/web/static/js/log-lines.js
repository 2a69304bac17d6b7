// <log-lines>: a log that goes on while it is looked at. Whenever it connects, the server sends all that it kept: that takes the
// place of what stands here.
const ANSI = /\x1b\[[0-9;?]*[ -/]*[@-~]/g;
const LINES_MAX = 5000;

class LogLines extends HTMLElement {
  connectedCallback() {
    this.place = this.querySelector("code");
    this.frame = this.querySelector("pre");
    this.count = 0;
    if (!this.dataset.address) return; // this hub runs no apps: what stands here is all there is
    this.source = new EventSource(this.dataset.address);
    this.source.addEventListener("message", ({ data }) => data && this.add(JSON.parse(data).data));
    this.source.addEventListener("open", () => {
      this.place.replaceChildren();
      this.count = 0;
    });
  }

  disconnectedCallback() {
    this.source?.close();
  }

  add(text) {
    this.querySelector("p")?.remove();
    const follows = this.frame.scrollHeight - this.frame.scrollTop - this.frame.clientHeight < 40;
    this.place.append(text.replace(ANSI, ""));
    this.count += 1;
    if (this.count > LINES_MAX) this.place.firstChild.remove();
    if (follows) this.frame.scrollTop = this.frame.scrollHeight;
  }
}

customElements.define("log-lines", LogLines);
