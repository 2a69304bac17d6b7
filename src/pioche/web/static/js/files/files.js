// The pages about files. What they show is complete without this; here are line ranges, keys, and loading more in place.
import "./code-view.js";
import "./filter-list.js";
import "./folder-view.js";
import "./image-views.js";
import "./load-more.js";
import "./file-finder.js";
import { isTyping } from "../kbd-nav.js";

const page = document.querySelector(".files");

// `t` finds a file; `y` puts the commit into the address, so that the link shows the same for ever; `l` asks for a line.
document.addEventListener("keydown", (event) => {
  if (!page || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "t" && page.dataset.find) {
    event.preventDefault();
    location.assign(page.dataset.find);
  } else if (event.key === "y" && page.dataset.permalink) {
    history.replaceState(history.state, "", page.dataset.permalink + location.search + location.hash);
  } else if (event.key === "l" && document.querySelector("code-view")) {
    event.preventDefault();
    document.querySelector("code-view").ask();
  }
});
