// Diagrams of cards (`pre.md-mermaid`): each is drawn in a frame without origin (web/diagrams.py) when it comes into view. The
// source stays at hand, and alone where there is nothing to draw.
const WAIT_MS = 30_000;
const SOURCE_MAX = 50_000;
const DIAGRAMS_MAX = 50;
const HEIGHT_MAX = 4_000;

const words = document.getElementById("toasts")?.dataset ?? {};

function draw(pre) {
  const source = pre.textContent;
  const frame = document.createElement("iframe");
  frame.className = "md-diagram";
  frame.title = words.diagram;
  frame.setAttribute("sandbox", "allow-scripts");
  frame.referrerPolicy = "no-referrer";
  frame.height = 1;
  const end = () => {
    removeEventListener("message", hear);
    clearTimeout(timer);
  };
  const giveUp = () => {
    end();
    frame.remove();
  };
  const hear = ({ source: from, data }) => {
    if (from !== frame.contentWindow) return;
    if (data?.isReady) {
      const isDark = getComputedStyle(document.documentElement).colorScheme === "dark";
      from.postMessage({ source, theme: isDark ? "dark" : "default" }, "*"); // its origin is none, which has no name
    } else if (Number.isFinite(data?.height) && data.height > 0) {
      end();
      frame.height = Math.min(data.height, HEIGHT_MAX);
      fold(pre);
    } else {
      giveUp();
    }
  };
  const timer = setTimeout(giveUp, WAIT_MS);
  addEventListener("message", hear);
  frame.src = words.frame;
  outer(pre).before(frame);
}

// The source with the button that copies it, where there is one.
function outer(pre) {
  return pre.closest(".code-frame") ?? pre;
}

function fold(pre) {
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = words.source;
  const shown = outer(pre);
  shown.replaceWith(details);
  details.className = "md-diagram-source";
  details.append(summary, shown);
}

if (words.frame) {
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      draw(target);
    }
  }, { rootMargin: "200px" });
  const blocks = [...document.querySelectorAll("pre.md-mermaid")].slice(0, DIAGRAMS_MAX);
  for (const block of blocks) if (block.textContent.length <= SOURCE_MAX) seen.observe(block);
}
