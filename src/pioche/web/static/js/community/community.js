// The community pages. They are complete without this; here are previews, names to choose, kept drafts, options in place, and
// what others say while one reads.
import "./comment-menu.js";
import "./line-notes.js";
import "./live-thread.js";
import "./md-editor.js";
