// How much is unread, on the bell of the header: asked once a page, and once a minute while somebody looks at it.

const EVERY_MS = 60_000;

class NotificationBell extends HTMLElement {
  connectedCallback() {
    this.ask = () => document.visibilityState === "visible" && this.show();
    this.timer = setInterval(this.ask, EVERY_MS);
    document.addEventListener("visibilitychange", this.ask);
    this.ask();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.ask);
  }

  async show() {
    let answer;
    try {
      answer = await fetch("/notifications/count", { headers: { Accept: "application/json" } });
    } catch {
      return; // the network is away: what is shown stays
    }
    if (!answer.ok) return;
    const { unread, shown } = await answer.json();
    const count = this.querySelector(".bell-count");
    count.textContent = shown;
    count.hidden = unread === 0;
    this.querySelector(".bell-words").textContent = unread === 0 ? this.dataset.none : this.dataset.some.replace("{n}", shown);
  }
}

customElements.define("notification-bell", NotificationBell);
