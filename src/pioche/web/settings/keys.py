"""/settings/keys: the SSH keys that somebody signs commits with, and comes with over SSH (ui.md T4)."""

from pioche.accounts import host_key, ssh, ssh_keys
from pioche.accounts.ssh import BadKey, PublicKey, Wrong
from pioche.accounts.ssh_keys import Purpose
from pioche.errors import AlreadyExists, BadRequest, Conflict, NotFound
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.repos import genesis
from pioche.web.forms import Form
from pioche.web.settings import frame

_FORM_BYTES_MAX = 64 * 1024


async def listing(request: Request) -> Response:
    """GET /settings/keys."""
    return await _page(request, Form({"purpose": Purpose.BOTH.value}))


async def add(request: Request) -> Response:
    """POST /settings/keys: `key` is a line of an `id_*.pub` file, `title` what to call it, `purpose` what it is for."""
    form = Form.of(await request.form(), "title", "key", "purpose")
    purpose = form.check("purpose", _purpose, _("Choose what the key is for."))
    form.check("title", ssh_keys.parse_title, _("A title has at most 100 printable characters."))
    key = _parse(form)
    if key is None or purpose is None or form.is_wrong:
        return await _page(request, form, status=422)
    try:
        await request.run(_add, request, form["title"], key, purpose)
    except AlreadyExists as error:
        form.errors["key"] = _("This key is on this hub already: a key belongs to one account.")
        return await _page(request, form, status=error.status)
    except Conflict as error:
        form.error = _("You have as many keys as there may be: remove one first.")
        return await _page(request, form, status=error.status)
    return frame.saved("keys", "added")


async def remove(request: Request) -> Response:
    """POST /settings/keys/{id}/remove."""
    text = request.params["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is no such key")
    await request.run(_remove, request, int(text))
    return frame.saved("keys", "removed")


def _say(wrong: Wrong) -> str:
    return {
        Wrong.PRIVATE: _("This is a private key: give it to nobody. The public one is in the file that ends in .pub."),
        Wrong.NO_KEY: _("This is not a public key: paste the one line of the file that ends in .pub."),
        Wrong.TYPE: _("Keys of this type do not count here: use Ed25519, ECDSA or RSA."),
        Wrong.DAMAGED: _("A part of the key is missing or was changed: copy the whole line again."),
        Wrong.SHORT: _("This RSA key is too short: it needs at least 2048 bits."),
    }[wrong]


def _parse(form: Form) -> PublicKey | None:
    """A private key that was pasted is not sent back."""
    try:
        return ssh.parse_public(form["key"])
    except BadKey as error:
        form.errors["key"] = _say(error.wrong)
        if error.wrong is Wrong.PRIVATE:
            form.values["key"] = ""
        return None


def _purpose(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError:
        raise BadRequest("A key is for signing, access or both") from None


def _add(request: Request, title: str, key: PublicKey, purpose: Purpose) -> None:
    ssh_keys.add(request.hub.database, frame.account(request), title, key, purpose)


def _remove(request: Request, id_: int) -> None:
    ssh_keys.remove(request.hub.database, frame.account(request), id_)


async def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    found = await request.run(ssh_keys.of, request.hub.database, request.caller.user_id)
    example = request.hub.addresses.clone_by_ssh(request.base_url, f"{request.caller.name}/repo")
    known_by = await request.run(_host_fingerprint, request) if example else ""
    return frame.page(
        request, "keys.html", "keys", status=status, form=form, keys=found, example=example, known_by=known_by,
        address=genesis.noreply_address(request.caller.name or ""),
    )  # fmt: skip


def _host_fingerprint(request: Request) -> str:
    return host_key.public(request.hub.database).fingerprint


ROUTES = (
    Route("GET", "/settings/keys", Needs.SESSION, listing),
    Route("POST", "/settings/keys", Needs.SESSION, add, _FORM_BYTES_MAX),
    Route("POST", "/settings/keys/{id}/remove", Needs.SESSION, remove, _FORM_BYTES_MAX),
)
