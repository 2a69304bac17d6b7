// <live-thread>: what others say comes without a reload. The hub tells that there is something (server-sent events); what it
// is, the page itself is asked again, with the rights that one has then.
const PARTS = ["thread-state", "participants", "merging"];
const AGAIN_MS = 1000;

class LiveThread extends HTMLElement {
  connectedCallback() {
    this.showNamed();
    if (!this.dataset.events) return;
    this.address = new URL(this.dataset.events, location.href);
    // Only what is looked at keeps a connection: a browser has six for a host, and people have more tabs.
    document.addEventListener("visibilitychange", () => this.follow());
    addEventListener("pagehide", () => this.source?.close());
    this.follow();
  }

  disconnectedCallback() {
    this.source?.close();
  }

  // The address names an entry that was folded away.
  showNamed() {
    const uid = location.hash.slice(1);
    const wanted = new URL(location.href);
    if (!/^[0-9a-f]{24}$/.test(uid) || document.getElementById(uid) || wanted.searchParams.get("at") === uid) return;
    wanted.searchParams.set("at", uid);
    location.replace(wanted);
  }

  follow() {
    this.source?.close();
    if (document.hidden || this.hasEnded || !this.isConnected) return;
    this.source = new EventSource(this.address);
    this.source.addEventListener("version", (event) => {
      this.address.searchParams.set("version", JSON.parse(event.data).version);
      this.refresh();
    });
    this.source.addEventListener("gone", () => this.end(this.dataset.gone));
    this.source.addEventListener("reconnect", () => {
      this.source.close();
      setTimeout(() => this.follow(), AGAIN_MS);
    });
  }

  end(text) {
    this.hasEnded = true;
    this.source.close();
    this.say(text);
  }

  async refresh() {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
    if (answer?.status === 404 || answer?.status === 401) this.end("");
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (this.merge(page)) this.say(this.dataset.added);
    for (const id of PARTS) this.renew(document.getElementById(id), page.getElementById(id));
  }

  // True when there is an entry that was not there.
  merge(page) {
    const list = document.getElementById("timeline");
    let isNew = false;
    for (const entry of page.querySelectorAll("#timeline > [id]")) {
      const standing = document.getElementById(entry.id);
      if (!standing) {
        list.append(entry);
        isNew = true;
      } else if (standing.dataset.stamp !== entry.dataset.stamp) {
        this.renew(standing, entry);
      }
    }
    return isNew;
  }

  // Not what somebody is at: they see it after the next change.
  renew(standing, wanted) {
    if (!standing || !wanted || standing.contains(document.activeElement) || standing.querySelector(".comment-do")) return;
    if (standing.outerHTML !== wanted.outerHTML) standing.replaceWith(wanted);
  }

  say(text) {
    document.getElementById("live").textContent = text;
  }
}

customElements.define("live-thread", LiveThread);
