// A worker: renders a chat template, which is a stranger's program, where it has nothing but this thread. The page ends it
// when it takes too long.
import { Template } from "@huggingface/jinja";

const CHARACTERS_MAX = 20_000;

addEventListener("message", ({ data }) => {
  try {
    const text = new Template(data.template).render(data.values);
    postMessage({ text: text.slice(0, CHARACTERS_MAX) });
  } catch (error) {
    postMessage({ error: String(error?.message ?? error).slice(0, 300) });
  }
});
