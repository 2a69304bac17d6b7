// All that runs in the frame in which a diagram of a card is drawn (web/diagrams.py). It has no origin and no network: it gets a
// text from the page around it, draws it, and says how tall it is.
import mermaid from "mermaid";

// Without elk, which is not part of the bundle (bundle.mjs), whatever a diagram asks for; and `secure` is what it may not set.
const CONFIG = {
  startOnLoad: false,
  securityLevel: "strict",
  layout: "dagre",
  state: { layout: "dagre" },
  secure: ["secure", "securityLevel", "startOnLoad", "maxTextSize", "maxEdges", "suppressErrorRendering", "layout"],
  maxTextSize: 50_000,
  maxEdges: 500,
  suppressErrorRendering: true,
};

async function draw({ source, theme }) {
  document.documentElement.style.colorScheme = theme === "dark" ? "dark" : "light";
  document.body.style.margin = "0";
  mermaid.initialize({ ...CONFIG, theme });
  const { svg } = await mermaid.render("diagram", source);
  document.body.innerHTML = svg;
  const drawn = document.querySelector("svg");
  drawn.style.display = "block";
  return { height: Math.ceil(drawn.getBoundingClientRect().height) };
}

addEventListener("message", async (event) => {
  if (event.source !== parent) return;
  const told = await draw(event.data).catch((error) => ({ problem: String(error?.message ?? error).slice(0, 300) }));
  parent.postMessage(told, "*"); // whichever page it is: it knows the text already
});
parent.postMessage({ isReady: true }, "*");
