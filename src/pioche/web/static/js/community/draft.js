// What is being written, kept in this browser until it was sent. A form that was refused comes back with its text, which
// counts more than what was kept.
import { toast } from "../toast.js";

const PREFIX = "pioche-draft:";
const SENT = "pioche-draft-sent";

export class Draft {
  constructor(editor, area) {
    this.key = PREFIX + editor.dataset.draft;
    this.area = area;
    this.forgetSent();
    const kept = this.read();
    if (kept && !area.value.trim()) {
      area.value = kept;
      toast(editor.dataset.kept);
    }
    area.addEventListener("input", () => this.keep());
    area.form?.addEventListener("submit", (event) => {
      if (!event.submitter?.hasAttribute("formaction")) sessionStorage.setItem(SENT, this.key);
    });
  }

  // The page after the one that sent it tells whether it was taken: a refusal says so.
  forgetSent() {
    if (sessionStorage.getItem(SENT) !== this.key) return;
    sessionStorage.removeItem(SENT);
    if (!document.getElementById("errors")) this.drop();
  }

  read() {
    return localStorage.getItem(this.key) ?? "";
  }

  keep() {
    if (this.area.value.trim()) localStorage.setItem(this.key, this.area.value);
    else this.drop();
  }

  drop() {
    localStorage.removeItem(this.key);
  }
}

// A new thread is shown on a page without the form that opened it.
const sent = sessionStorage.getItem(SENT);
if (sent?.endsWith("/new") && /\/discussions\/\d+$/.test(location.pathname)) {
  localStorage.removeItem(sent);
  sessionStorage.removeItem(SENT);
}
