// Pictures in a comment: pasted, dropped or chosen, they are sent at once, and their address stands where one was writing.
import { toast } from "../toast.js";

const KINDS = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const BYTES_MAX = 10 * 2 ** 20;

export class Pictures {
  constructor(editor, area) {
    this.editor = editor;
    this.area = area;
    area.addEventListener("paste", (event) => this.take(event, event.clipboardData));
    area.addEventListener("dragover", (event) => this.over(event, true));
    area.addEventListener("dragleave", (event) => this.over(event, false));
    area.addEventListener("drop", (event) => {
      this.over(event, false);
      this.take(event, event.dataTransfer);
    });
    this.offer();
  }

  offer() {
    const label = document.createElement("label");
    const input = document.createElement("input");
    label.className = "md-pictures";
    input.type = "file";
    input.accept = KINDS.join(",");
    input.multiple = true;
    input.addEventListener("change", () => {
      this.send([...input.files]);
      input.value = "";
    });
    label.append(this.editor.dataset.pictures, input);
    this.editor.append(label);
  }

  over(event, isOver) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.editor.classList.toggle("is-over", isOver);
  }

  take(event, from) {
    const files = [...(from?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (!files.length) return;
    event.preventDefault();
    this.send(files);
  }

  async send(files) {
    for (const file of files) await this.sendOne(file);
  }

  async sendOne(file) {
    const name = file.name.replace(/[[\]()!\\`\n]/g, " ").trim() || "image";
    const waiting = `![${this.editor.dataset.sending} ${name}…]()`;
    this.insert(waiting);
    const address = await this.upload(file);
    this.replace(waiting, address ? `![${name}](${address})` : "");
  }

  async upload(file) {
    if (!KINDS.includes(file.type) || file.size > BYTES_MAX) return this.fail();
    const proof = document.querySelector("meta[name=csrf-token]")?.content ?? "";
    const headers = { "content-type": file.type, "x-csrf-token": proof };
    const answer = await fetch("/uploads", { method: "POST", body: file, headers }).catch(() => null);
    return answer?.ok ? new URL(await answer.text()).pathname : this.fail();
  }

  fail() {
    toast(this.editor.dataset.refused);
    return "";
  }

  insert(text) {
    const { selectionStart: start, selectionEnd: end, value } = this.area;
    const before = start && value[start - 1] !== "\n" ? "\n" : "";
    this.area.setRangeText(`${before}${text}\n`, start, end, "end");
    this.told();
  }

  replace(old, text) {
    const at = this.area.value.indexOf(old);
    if (at < 0) return;
    this.area.setRangeText(text, at, at + old.length, "preserve");
    this.told();
  }

  // The draft, and whoever else follows what is written.
  told() {
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
