// <passkey-form data-options="..." data-does="create|get" data-failed="..."><form>: the browser makes a passkey, or shows
// one, and the form is sent with what it said. Hidden where a browser has none, or cannot use them: not over plain http,
// and not at an address that is a number.
const decode = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const encode = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const isUsable = () => window.isSecureContext && "PublicKeyCredential" in window && !/^[\d.]+$|:/.test(location.hostname);

function asked(options) {
  const known = (options.excludeCredentials ?? []).map((one) => ({ ...one, id: decode(one.id) }));
  const user = options.user && { ...options.user, id: decode(options.user.id) };
  return { ...options, challenge: decode(options.challenge), ...(user && { user, excludeCredentials: known }) };
}

function answered(credential) {
  const said = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) said[name] = encode(credential.response[name]);
  }
  return JSON.stringify({
    id: credential.id, rawId: encode(credential.rawId), type: credential.type, response: said,
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

class PasskeyForm extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    const cannot = this.querySelector("[data-cannot]");
    if (!form) return;
    if (!isUsable()) {
      if (cannot) cannot.hidden = false;
      return;
    }
    this.querySelector("[data-can]").hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(form);
    });
  }

  async ask(form) {
    const error = this.querySelector("[role=alert]");
    error.textContent = "";
    try {
      const publicKey = asked(JSON.parse(this.dataset.options));
      const credential = await navigator.credentials[this.dataset.does]({ publicKey });
      form.elements.credential.value = answered(credential);
    } catch {
      error.textContent = this.dataset.failed;
      return;
    }
    const remember = document.getElementById("field-remember");
    if (remember && form.elements.remember) form.elements.remember.value = remember.checked ? "1" : "";
    form.submit();
  }
}

customElements.define("passkey-form", PasskeyForm);
