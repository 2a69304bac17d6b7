// Keys for people who stay at the keyboard: `/` searches, `g m`, `g d`, `g s` go to the lists. None while one is typing.
const SEQUENCE_MS = 1000;
const LISTS = { m: "/models", d: "/datasets", s: "/spaces", h: "/" };
let previous = { key: "", at: 0 };

export function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.shadowRoot !== null;
}

document.addEventListener("keydown", (event) => {
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
