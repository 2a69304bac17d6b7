// After @, the people that one may speak to here, as a list to choose from with the arrows, Enter or Tab.
const WAIT_MS = 120;
const WORD = /(?:^|[\s(])@([\w.-]{0,40})$/;
let count = 0;

export class Names {
  constructor(editor, area) {
    this.url = editor.dataset.people;
    this.area = area;
    this.list = document.createElement("ul");
    this.list.className = "names";
    this.list.id = `names-${(count += 1)}`;
    this.list.hidden = true;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", editor.dataset.found);
    area.after(this.list);
    area.setAttribute("aria-autocomplete", "list");
    area.setAttribute("aria-controls", this.list.id);
    area.addEventListener("input", () => this.ask());
    area.addEventListener("keydown", (event) => this.move(event));
    area.addEventListener("blur", () => this.close());
    // The field keeps the focus, so that the list is still there when the button comes up.
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => this.take(event.target.closest("[role=option]")));
  }

  get word() {
    return WORD.exec(this.area.value.slice(0, this.area.selectionStart))?.[1];
  }

  ask() {
    clearTimeout(this.timer);
    if (this.word === undefined) this.close();
    else this.timer = setTimeout(() => this.fetch(this.word), WAIT_MS);
  }

  async fetch(word) {
    if (word === undefined) return;
    this.pending?.abort();
    this.pending = new AbortController();
    const answer = await fetch(`${this.url}?q=${encodeURIComponent(word)}`, { signal: this.pending.signal }).catch(() => null);
    if (answer?.ok && word === this.word) this.show(await answer.json());
  }

  show(people) {
    this.list.replaceChildren(...people.map((one, index) => {
      const item = document.createElement("li");
      item.id = `${this.list.id}-${index}`;
      item.setAttribute("role", "option");
      item.dataset.name = one.name;
      item.textContent = `@${one.name} ${one.fullname === one.name ? "" : one.fullname}`;
      return item;
    }));
    this.list.hidden = !people.length;
    this.choose(this.list.firstElementChild);
  }

  choose(item) {
    for (const one of this.list.children) one.setAttribute("aria-selected", String(one === item));
    if (item) this.area.setAttribute("aria-activedescendant", item.id);
    else this.area.removeAttribute("aria-activedescendant");
  }

  close() {
    clearTimeout(this.timer);
    this.list.hidden = true;
    this.choose(null);
  }

  move(event) {
    if (this.list.hidden) return;
    const chosen = this.list.querySelector("[aria-selected=true]");
    if (event.key === "ArrowDown") this.choose(chosen?.nextElementSibling ?? this.list.firstElementChild);
    else if (event.key === "ArrowUp") this.choose(chosen?.previousElementSibling ?? this.list.lastElementChild);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Enter" || event.key === "Tab") this.take(chosen);
    else return;
    event.preventDefault();
  }

  take(item) {
    if (!item) return;
    const end = this.area.selectionStart;
    this.area.setRangeText(`${item.dataset.name} `, end - this.word.length, end, "end");
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
    this.close();
  }
}
