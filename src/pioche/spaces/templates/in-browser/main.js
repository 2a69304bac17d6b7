// A classifier of texts of this hub, run by the visitor's browser. The module comes from the hub, and asks it for models.
const MODEL = "__SOURCE__";
const TASK = "text-classification";

const hub = window.huggingface?.variables?.HF_ENDPOINT ?? "";
const status = document.querySelector("[role=status]");
const list = document.querySelector("ol");
let model;

async function load() {
  const { pipeline } = await import(`${hub}/download/transformers/transformers.js`);
  return pipeline(TASK, MODEL, { dtype: "fp32", progress_callback: told });
}

function told({ status: what, file, progress }) {
  if (what === "progress") status.textContent = `Loading ${file}: ${Math.round(progress)} %`;
}

function shown({ label, score }) {
  const line = document.createElement("li");
  line.textContent = `${label}: ${(100 * score).toFixed(1)} %`;
  return line;
}

document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = event.target.elements.text.value;
  status.textContent = "Working ...";
  try {
    model ??= load();
    const began = performance.now();
    const found = await (await model)(text, { top_k: 5 });
    list.replaceChildren(...[found].flat().map(shown));
    status.textContent = `Answered in ${Math.round(performance.now() - began)} ms, in this page`;
  } catch (error) {
    model = undefined;
    status.textContent = `${MODEL} cannot be run here: ${error.message}`;
  }
});
