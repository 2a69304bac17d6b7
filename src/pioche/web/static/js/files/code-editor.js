// <code-editor>: the text area becomes an editor where its module is there. Leaving with a text that was not sent asks first.
class CodeEditor extends HTMLElement {
  async connectedCallback() {
    this.area = this.querySelector("textarea");
    this.form = this.closest("form");
    this.original = this.area.value;
    this.guard();
    if (this.dataset.module) await this.replaceArea();
  }

  guard() {
    let isSent = false;
    this.form.addEventListener("submit", () => {
      isSent = true;
    });
    window.addEventListener("pageshow", () => {
      isSent = false;
    });
    window.addEventListener("beforeunload", (event) => {
      if (!isSent && this.area.value !== this.original) event.preventDefault();
    });
  }

  async replaceArea() {
    const { Compartment, EditorState, EditorView, HighlightStyle, indentUnit, indentWithTab, keymap, languageOf, setup, syntaxHighlighting, tags } =
      await import(this.dataset.module);
    const path = this.form.elements.path;
    const language = new Compartment();
    const host = document.createElement("div");
    host.className = "editor-host";
    const root = host.attachShadow({ mode: "open" });
    const view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: this.area.value,
        extensions: [
          setup,
          EditorState.phrases.of(JSON.parse(this.dataset.phrases)),
          syntaxHighlighting(HighlightStyle.define(coloursOf(tags))),
          keymap.of([indentWithTab]),
          language.of(languageOf(path.value)),
          indentUnit.of(indentOf(this.area.value)),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": this.querySelector("label").textContent }),
          EditorView.theme({
            "&": { minHeight: "24rem", fontSize: "0.875rem", border: "1px solid var(--line-strong)", borderRadius: "var(--radius)", background: "var(--surface)", color: "var(--ink)" },
            ".cm-gutters": { background: "var(--sunken)", color: "var(--ink-soft)", border: "0" },
            ".cm-content": { caretColor: "var(--ink)", minHeight: "24rem" },
            ".cm-cursor": { borderLeftColor: "var(--ink)" },
            ".cm-activeLine, .cm-activeLineGutter": { background: "color-mix(in srgb, var(--accent-wash) 45%, transparent)" },
            ".cm-panels": { background: "var(--sunken)", color: "var(--ink)" },
          }),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            this.area.value = update.state.doc.toString();
            this.area.dispatchEvent(new Event("input", { bubbles: true })); // for who looks at the text, as <card-check> does
          }),
        ],
      }),
    });
    this.area.after(host);
    this.area.hidden = true;
    this.querySelector("label").addEventListener("click", () => view.focus());
    path.addEventListener("change", () => view.dispatch({ effects: language.reconfigure(languageOf(path.value)) }));
    this.view = view;
  }
}

// The same colours as where code is only read, light and dark.
function coloursOf(tags) {
  return [
    { tag: [tags.comment, tags.meta], color: "var(--ink-soft)", fontStyle: "italic" },
    { tag: [tags.keyword, tags.bool, tags.null, tags.operatorKeyword], color: "var(--garnet)" },
    { tag: [tags.string, tags.regexp, tags.special(tags.string)], color: "var(--malachite)" },
    { tag: [tags.number, tags.atom, tags.unit], color: "var(--lapis)" },
    { tag: [tags.definition(tags.variableName), tags.function(tags.variableName), tags.typeName, tags.className, tags.tagName], color: "var(--accent)" },
    { tag: [tags.propertyName, tags.attributeName, tags.labelName], color: "var(--amethyst)" },
    { tag: tags.heading, color: "var(--accent)", fontWeight: "700" },
    { tag: tags.emphasis, fontStyle: "italic" },
    { tag: tags.strong, fontWeight: "700" },
    { tag: [tags.link, tags.url], color: "var(--lapis)", textDecoration: "underline" },
  ];
}

// What most indented lines of a text begin with.
function indentOf(text) {
  if (/^\t/m.test(text)) return "\t";
  const steps = [...text.matchAll(/^( {2,8})\S/gm)].map((found) => found[1].length);
  return " ".repeat(steps.length ? Math.min(...steps) : 4);
}

customElements.define("code-editor", CodeEditor);
