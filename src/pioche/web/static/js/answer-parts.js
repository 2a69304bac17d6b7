// What answers of models are shown with.
export function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function percent(score) {
  return score.toLocaleString(document.documentElement.lang, { style: "percent", maximumFractionDigits: 1 });
}

// Rows of a name, a bar and a number.
export function bars(rows) {
  const list = element("ul", "", { class: "widget-bars" });
  for (const { label, score } of rows) {
    const row = element("li");
    row.append(element("span", label, { translate: "no" }), element("span", percent(score), { class: "widget-score" }));
    row.append(element("meter", "", { min: 0, max: 1, value: Math.max(0, score), "aria-label": label }));
    list.append(row);
  }
  return [list];
}
