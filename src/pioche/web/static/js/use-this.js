// <use-this>: when somebody looks at the snippets, those of @huggingface/tasks come, for every library and local program
// that fits. They ask this hub because HF_ENDPOINT says so; addresses of the public Hub in them are rewritten.
import "./copy-button.js";

const SHOWN_MAX = 12;

class UseThis extends HTMLElement {
  connectedCallback() {
    if (!this.dataset.module || this.dataset.kind === "space") return;
    const load = () => {
      observer.disconnect();
      this.fill();
    };
    const observer = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && load());
    observer.observe(this);
  }

  async fill() {
    const tasks = await import(this.dataset.module);
    const facts = JSON.parse(this.dataset.facts);
    const found = this.dataset.kind === "model" ? ofModel(tasks, facts) : ofDataset(tasks, facts);
    for (const { id, label, text } of found.slice(0, SHOWN_MAX)) this.show(id, label, this.here(text));
    this.dataset.filled = String(found.length);
  }

  here(text) {
    return text.replaceAll("https://huggingface.co", this.dataset.endpoint).replaceAll("https://hf.co", this.dataset.endpoint);
  }

  show(id, label, text) {
    const known = this.querySelector(`details[data-library="${CSS.escape(id)}"]`);
    const details = known ?? this.querySelector("details").cloneNode(true);
    if (!known) {
      details.open = false;
      details.dataset.library = id;
      details.querySelector("summary").textContent = label;
      this.querySelector("details:last-of-type").before(details);
    }
    details.querySelector("code").textContent = text;
    details.querySelector("copy-button").dataset.text = text;
  }
}

function written(snippets) {
  const first = Array.isArray(snippets) ? snippets[0] : snippets;
  const text = typeof first === "string" ? first : first?.content;
  return Array.isArray(text) ? text.join("\n") : (text ?? "");
}

function* attempts(table, facts, fits, make) {
  for (const [id, one] of Object.entries(table)) {
    let text = "";
    try {
      text = fits(id, one) ? written(make(one)) : ""; // these functions expect fields that a repo may lack
    } catch {
      continue;
    }
    if (text) yield { id, label: one.prettyLabel, text };
  }
}

function ofModel(tasks, facts) {
  const libraries = attempts(
    tasks.MODEL_LIBRARIES_UI_ELEMENTS, facts,
    (id) => id === facts.library_name || facts.tags.includes(id), (one) => one.snippets?.(facts),
  );
  const apps = attempts(
    tasks.LOCAL_APPS, facts, (id, one) => one.snippet && one.displayOnModelPage(facts), (one) => one.snippet(facts),
  );
  return [...libraries, ...apps];
}

function ofDataset(tasks, facts) {
  const wanted = new Set(facts.tags.filter((tag) => tag.startsWith("library:")).map((tag) => tag.slice(8)));
  return [...attempts(tasks.DATASET_LIBRARIES_UI_ELEMENTS, facts, (id) => wanted.has(id), (one) => one.snippet?.(facts))];
}

customElements.define("use-this", UseThis);
