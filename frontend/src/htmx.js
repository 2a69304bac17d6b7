// htmx, without what a strict policy forbids or a shared computer must not keep: no eval, no inline style, no history of
// private pages.
import htmx from "htmx.org";

Object.assign(htmx.config, {
  allowEval: false,
  allowScriptTags: false,
  includeIndicatorStyles: false,
  historyCacheSize: 0,
  refreshOnHistoryMiss: true,
  selfRequestsOnly: true,
});

export default htmx;
