// Where the server left the last commits out, since finding them takes a walk through history: they are asked for afterwards.
class FolderView extends HTMLElement {
  async connectedCallback() {
    if (!this.dataset.tree) return;
    const answer = await fetch(`${this.dataset.tree}?expand=true`).catch(() => null);
    if (!answer?.ok) return;
    for (const entry of await answer.json()) {
      const row = this.querySelector(`tr[data-path="${CSS.escape(entry.path)}"]`);
      if (row && entry.lastCommit) this.fill(row, entry.lastCommit);
    }
  }

  fill(row, commit) {
    row.querySelector(".message").textContent = commit.title;
    const time = document.createElement("time");
    time.dateTime = commit.date;
    time.textContent = new Date(commit.date).toLocaleDateString(document.documentElement.lang);
    row.querySelector(".when").replaceChildren(time);
  }
}

customElements.define("folder-view", FolderView);
