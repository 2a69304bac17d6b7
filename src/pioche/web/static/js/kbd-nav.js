// Keys for people who stay at the keyboard: `/` searches, `g m`, `g d`, `g s` go to the lists, `?` lists them all. None while
// one is typing; who does not want them switches them off in that list.
const SEQUENCE_MS = 1000;
const LISTS = { m: "/models", d: "/datasets", s: "/spaces", h: "/" };
let previous = { key: "", at: 0 };

export function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.shadowRoot !== null;
}

const OFF = "pioche-keys-off";

export function areOff() {
  return localStorage.getItem(OFF) !== null;
}

const sheet = document.getElementById("keys");
const choice = document.getElementById("keys-on");
if (choice) {
  choice.checked = !areOff();
  choice.addEventListener("change", () => {
    if (choice.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "");
  });
}

document.addEventListener("keydown", (event) => {
  if (event.key === "?" && sheet && !sheet.open && !isTyping(event.target)) {
    sheet.showModal();
    return;
  }
  if (areOff() || sheet?.open) return;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const inTime = event.timeStamp - previous.at < SEQUENCE_MS;
  if (event.key === "/") {
    document.getElementById("site-search")?.focus();
    event.preventDefault();
  } else if (previous.key === "g" && inTime && LISTS[event.key]) {
    location.assign(LISTS[event.key]);
  }
  previous = { key: event.key, at: event.timeStamp };
});
