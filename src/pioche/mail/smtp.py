"""The one place that speaks SMTP. A connection for each message: a hub sends few.

The server is the administrator's choice, so its address is not checked as those that users name are (`pioche.outbound`). Its
certificate is, by the system's authorities.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final, Self
from urllib.parse import urlsplit

from pioche.config import Config
from pioche.errors import AddressRefused, Unreachable
from pioche.mail.message import Letter, message

_PORTS: Final = {"starttls": 587, "on": 465, "off": 25}
_FOR_GOOD: Final = 500
"""Answers from here on say that trying again changes nothing (RFC 5321, 4.2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The server, and how it is spoken to. `host` is the hub's own name."""

    server: str
    port: int
    tls: str
    user: str
    password: str = field(repr=False)
    sender: str
    host: str
    seconds: int

    @classmethod
    def of(cls, config: Config) -> Self | None:
        """None where the hub sends no mail."""
        if not config.sends_mail:
            return None
        return cls(
            server=config.mail_host,
            port=config.mail_port or _PORTS[config.mail_tls],
            tls=config.mail_tls,
            user=config.mail_user,
            password=config.mail_password,
            sender=config.mail_from,
            host=urlsplit(config.public_url).hostname or "localhost",
            seconds=config.mail_timeout_seconds,
        )

    def send(self, letter: Letter) -> None:
        """Returns when the server has taken it. Raises AddressRefused (for good), Unreachable (it may be tried again)."""
        made = message(letter, sender=self.sender, host=self.host)
        with self._connected() as server:
            _hand_over(server, made, self.sender)

    def check(self) -> None:
        """Whether the server lets the hub in; nothing is sent. Raises Unreachable."""
        with self._connected():
            pass

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """Encrypted and signed in, as the settings say. Raises Unreachable."""
        try:
            with self._opened() as server:
                if self.tls == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                yield server
        except smtplib.SMTPAuthenticationError:
            raise self._unreachable("it does not take mail_user and mail_password") from None
        except smtplib.SMTPNotSupportedError as error:
            raise self._unreachable(str(error)) from None
        except smtplib.SMTPResponseException as error:
            raise self._unreachable(f"{error.smtp_code} {_said(error.smtp_error)}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise self._unreachable(str(error) or type(error).__name__) from None

    def _opened(self) -> smtplib.SMTP:
        if self.tls == "on":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.server, self.port, self.host, timeout=self.seconds, context=context)
        return smtplib.SMTP(self.server, self.port, self.host, timeout=self.seconds)

    def _unreachable(self, why: str) -> Unreachable:
        return Unreachable(f"The mail server {self.server}:{self.port} does not take mail: {why[:300]}")


def _hand_over(server: smtplib.SMTP, made: EmailMessage, sender: str) -> None:
    """Raises AddressRefused for what this server will never take, and what smtplib raises for the rest."""
    to = made["To"].addresses[0].addr_spec
    try:
        server.send_message(made, from_addr=sender, to_addrs=[to])
    except smtplib.SMTPNotSupportedError:
        raise AddressRefused("The mail server knows no such addresses: they are not in ASCII") from None
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        if code >= _FOR_GOOD:
            raise AddressRefused(f"The mail server takes nothing for this address: {code} {_said(said)}") from None
        raise smtplib.SMTPResponseException(code, said) from None
    except smtplib.SMTPDataError as error:
        if error.smtp_code >= _FOR_GOOD:
            raise AddressRefused(
                f"The mail server refused the letter: {error.smtp_code} {_said(error.smtp_error)}"
            ) from None
        raise


def _said(text: bytes | str) -> str:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(said.split())[:200]
