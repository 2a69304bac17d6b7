"""A real mail server in this process, which keeps what it takes.

    with letterbox() as box:
        Config(..., **box.settings)
        box.letters      # EmailMessage, in the order in which they came

`refusals` are answers to recipients (`{"gone@example.org": "550 No such user"}`) and may change at any time.
"""

import asyncio
import datetime
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pioche import app
from pioche.community.notifying import Notify
from pioche.http.hub import Hub
from pioche.jobs.outbox import Dispatcher
from pioche.jobs.worker import Worker

USER, PASSWORD = "hub", "t0p-s3cret"


@dataclass
class Letterbox:
    """What came, and how the server is reached."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """For a hub that trusts whoever listens there."""
        return {
            "mail_host": "localhost",
            "mail_port": self.port,
            "mail_tls": "off",
            "mail_from": "hub@example.org",
            "public_url": "http://localhost:8000",
        }

    def to(self, address: str) -> list[EmailMessage]:
        return [one for one in self.letters if one["To"].addresses[0].addr_spec == address]

    # aiosmtpd calls these.

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        assert envelope.mail_from is not None
        made = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(made, EmailMessage)
        self.letters.append(made)
        self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        return "250 OK"


class _Controller(Controller):
    """On a free port, which it knows once it listens."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd's own


@contextmanager
def letterbox(*, certificate: Path | None = None, tls: str = "off", asks_who: bool = False) -> Iterator[Letterbox]:
    """`tls` as the setting `mail_tls`, with a `certificate` that `make_certificate` wrote; `asks_who`: after STARTTLS, letters
    are taken from USER with PASSWORD alone."""
    box = Letterbox()
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    options: dict[str, Any] = {"authenticator": _authenticated, "auth_require_tls": False}
    if tls == "starttls":
        options |= {
            "tls_context": context,
            "require_starttls": True,
            "auth_require_tls": True,
            "auth_required": asks_who,
        }
    controller = _Controller(
        box, hostname="127.0.0.1", port=0, ssl_context=context if tls == "on" else None, ready_timeout=30, **options
    )
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()


def deliver(hub: Hub) -> None:
    """What happened is queued as letters, and what is due is sent; as the jobs process does it."""
    queues = (Notify(hub.access, sends_mail=hub.config.sends_mail), *app.letter_queues(hub.config, hub.database))
    dispatcher = Dispatcher(hub.database, queues)
    while dispatcher.step():
        pass
    worker = Worker(hub.database, (app.letters_job(hub.config, hub.access),))
    while worker.step():
        pass


def link_in(letter: EmailMessage, path: str) -> str:
    """The path and query of the first link to `path` of the hub's, in the plain text."""
    body = letter.get_body(("plain",))
    assert body is not None
    found = re.search(rf"^http://localhost:8000({re.escape(path)}\S*)\r?$", body.get_content(), re.MULTILINE)
    assert found is not None, body.get_content()
    return found[1]


def make_certificate(folder: Path, host: str = "localhost") -> Path:
    """Of this host, signed by itself; with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{host}.pem"
    path.write_bytes(text + made.public_bytes(serialization.Encoding.PEM))
    return path


def _authenticated(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
) -> AuthResult:
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)  # the server says so
