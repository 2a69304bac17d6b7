// The links of the footer, without loading the page again.
const YEAR_S = 365 * 86400;

class ThemeToggle extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      const link = event.target.closest("[data-theme-choice]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.choose(link.dataset.themeChoice);
    });
  }

  choose(theme) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `pioche-theme=${theme}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    document.querySelector('meta[name="color-scheme"]').content = theme === "system" ? "light dark" : theme;
    for (const link of this.querySelectorAll("[data-theme-choice]")) {
      if (link.dataset.themeChoice === theme) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
}

customElements.define("theme-toggle", ThemeToggle);
