// The events of an answer that is written while one reads it: OpenAI's chunks, or the tokens of the task API. An event that says
// that the model failed ends it with that error.
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const said of lines) {
      if (!said.startsWith("data:") || said.includes("[DONE]")) continue;
      const event = JSON.parse(said.slice(5));
      if (event.error) throw new Refusal(event.error.message ?? event.error);
      yield event;
    }
  }
}

// What a model said instead of an answer: words for the reader.
export class Refusal extends Error {}

export function piece(event) {
  return event.choices?.[0]?.delta?.content ?? (event.token?.special ? "" : event.token?.text) ?? "";
}

export function post(address, question, signal) {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  return fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(token ? { "X-CSRF-Token": token } : {}) },
    body: JSON.stringify(question),
    signal,
  });
}
