// What every page needs. Each module defines one custom element, and works on what the server has sent complete.
import "./copy-button.js";
import "./kbd-nav.js";
import "./menus.js";
import "./notification-bell.js";
import "./search-box.js";
import "./theme-toggle.js";
import "./toggle-button.js";

if (document.querySelector("pre.md-mermaid")) import("./diagrams.js");
