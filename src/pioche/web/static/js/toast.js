// A short message, which screen readers announce too.
const SHOWN_MS = 2500;

export function toast(text) {
  const place = document.getElementById("toasts");
  if (!place) return;
  const item = document.createElement("p");
  item.className = "toast";
  item.textContent = text;
  place.replaceChildren(item);
  setTimeout(() => item.remove(), SHOWN_MS);
}
