// The card page. Everything here improves what the server has sent complete.
import { copy } from "./copy-button.js";
import { toast } from "./toast.js";
import "./sort-table.js";
import "./tensor-tree.js";
import "./use-this.js";

// A button that copies each block of code of a card.
for (const article of document.querySelectorAll(".prose[data-copy]")) {
  for (const block of article.querySelectorAll("pre.md-code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "code-copy";
    button.textContent = article.dataset.copy;
    button.addEventListener("click", async () => {
      await copy(block.querySelector("code").textContent);
      toast(document.getElementById("toasts")?.dataset.copied ?? "");
    });
    const frame = document.createElement("div");
    frame.className = "code-frame";
    block.replaceWith(frame);
    frame.append(block, button);
  }
}

if (document.querySelector("model-widget")) import("./model-widget.js");
if (document.querySelector("chat-example")) import("./chat-example.js");

// Links made on the public Hub name headings without our prefix.
function goToHeading() {
  const name = decodeURIComponent(location.hash.slice(1));
  if (name && !document.getElementById(name)) document.getElementById(`md-${name}`)?.scrollIntoView();
}
addEventListener("hashchange", goToHeading);
goToHeading();
