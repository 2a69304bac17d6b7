"""A SAML identity provider, with a key of its own and answers that it really signs.

    provider = Provider()
    provider.sign_in("42", email="ada@example.org")       # who sits there in front of it
    sent = provider.answer(url)                           # the field SAMLResponse of the form that its page sends
    provider.forge = lambda said: replace(said, audience="another")

What it is asked comes in the address that the hub sends a browser to (HTTP-Redirect).
"""

import base64
import secrets
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import SignatureMethod
from signxml.signer import XMLSigner

from pioche.accounts.saml.documents import ASSERTION, METADATA, PROTOCOL, REDIRECT, SIGNATURE

_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
Element = Any


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer has in it; times are seconds from now."""

    issuer: str
    acs: str
    audience: str
    asked: str
    subject: str
    attributes: dict[str, str]
    format: str = PERSISTENT
    destination: str | None = None
    answer_asked: str | None = None
    recipient: str | None = None
    method: str = BEARER
    status: str = SUCCESS
    begins: int = -10
    ends: int = 300
    condition_ends: int = 300
    id: str = ""


def certificate(key: Any, *, days: int = 1) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=10))
    return made.not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())


def written(element: Element) -> str:
    """As the field of a form."""
    return base64.b64encode(etree.tostring(element)).decode()


class Provider:
    """`signs`: which elements, of "assertion" and "response"."""

    def __init__(self, *, entity_id: str = "https://idp.example.org/metadata", key: Any = None) -> None:
        self.entity_id, self.sign_in_url = entity_id, "https://idp.example.org/sso?tenant=1"
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.certificate = certificate(self.key)
        self.signs: tuple[str, ...] = ("assertion",)
        self.forge: Callable[[Said], Said] = lambda said: said
        self.who: tuple[str, dict[str, str]] = ("1", {})

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def metadata(self) -> str:
        bare = "".join(self.pem.splitlines()[1:-1])
        return f"""<?xml version="1.0"?><!-- of an identity provider -->
        <md:EntityDescriptor xmlns:md="{METADATA}" entityID="{self.entity_id}">
          <md:IDPSSODescriptor protocolSupportEnumeration="{PROTOCOL}">
            <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{SIGNATURE}"><ds:X509Data>
              <ds:X509Certificate>{bare}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
            <md:SingleSignOnService Binding="{REDIRECT}" Location="{self.sign_in_url}"/>
          </md:IDPSSODescriptor>
        </md:EntityDescriptor>"""

    def sign_in(self, subject: str, **attributes: str) -> None:
        self.who = (subject, attributes)

    def asked(self, url: str) -> Said:
        """What a browser brings along, and whoever sits in front of it."""
        packed = parse_qs(urlsplit(url).query)["SAMLRequest"][0]
        request = etree.fromstring(zlib.decompress(base64.b64decode(packed), -zlib.MAX_WBITS))
        assert request.get("Destination") == self.sign_in_url
        entity_id, acs = request.findtext(f"{{{ASSERTION}}}Issuer"), request.get("AssertionConsumerServiceURL")
        assert entity_id
        assert acs
        subject, attributes = self.who
        return Said(self.entity_id, acs, entity_id, request.get("ID"), subject, attributes)

    def answer(self, url: str) -> str:
        return written(self.response(self.forge(self.asked(url))))

    def response(self, said: Said) -> Element:
        assertion = build_assertion(replace(said, id=said.id or f"_{secrets.token_hex(8)}"))
        if "assertion" in self.signs:
            assertion = self.signed(assertion)
        response = build_response(said)
        response.append(assertion)
        return self.signed(response) if "response" in self.signs else response

    def signed(self, element: Element) -> Element:
        is_rsa = isinstance(self.key, rsa.RSAPrivateKey)
        method = SignatureMethod.RSA_SHA256 if is_rsa else SignatureMethod.ECDSA_SHA256
        signer = XMLSigner(signature_algorithm=method, digest_algorithm="sha256", c14n_algorithm=_C14N)
        return signer.sign(element, key=self.key, cert=self.pem, reference_uri=element.get("ID"))


class Site(Provider):
    """Its page, on this machine: whoever comes is sent back at once, by a form. At `localhost`, so that it is another site
    than the hub at 127.0.0.1."""

    def __init__(self) -> None:
        super().__init__()
        handler = type("Handler", (_Handler,), {"provider": self})
        self._server = ThreadingHTTPServer(("localhost", 0), handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.origin = f"http://localhost:{self._server.server_port}"
        self.sign_in_url = f"{self.origin}/sso"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def page(self, path: str) -> str:
        return f"""<!doctype html><title>IdP</title><form method="post" action="{self.asked(path).acs}">
        <input type="hidden" name="SAMLResponse" value="{self.answer(path)}"></form>
        <script>document.forms[0].submit()</script>"""


class _Handler(BaseHTTPRequestHandler):
    provider: ClassVar[Site]

    def do_GET(self) -> None:
        is_here = self.path.startswith("/sso?")
        body = self.provider.page(self.path).encode() if is_here else b""
        self.send_response(200 if is_here else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def build_response(said: Said) -> Element:
    attributes = {"ID": f"_{secrets.token_hex(8)}", "Version": "2.0", "IssueInstant": _at(0)}
    attributes |= {"Destination": said.destination or said.acs, "InResponseTo": said.answer_asked or said.asked}
    attributes = {name: value for name, value in attributes.items() if value}
    response = etree.Element(f"{{{PROTOCOL}}}Response", attributes, nsmap={"samlp": PROTOCOL, "saml": ASSERTION})
    etree.SubElement(response, f"{{{ASSERTION}}}Issuer").text = said.issuer
    status = etree.SubElement(response, f"{{{PROTOCOL}}}Status")
    etree.SubElement(status, f"{{{PROTOCOL}}}StatusCode", {"Value": said.status})
    return response


def build_assertion(said: Said) -> Element:
    attributes = {"ID": said.id, "Version": "2.0", "IssueInstant": _at(0)}
    assertion = etree.Element(f"{{{ASSERTION}}}Assertion", attributes, nsmap={"saml": ASSERTION})
    add = etree.SubElement
    add(assertion, f"{{{ASSERTION}}}Issuer").text = said.issuer
    subject = add(assertion, f"{{{ASSERTION}}}Subject")
    add(subject, f"{{{ASSERTION}}}NameID", {"Format": said.format}).text = said.subject
    confirmation = add(subject, f"{{{ASSERTION}}}SubjectConfirmation", {"Method": said.method})
    told = {"Recipient": said.recipient or said.acs, "NotOnOrAfter": _at(said.ends), "InResponseTo": said.asked}
    add(confirmation, f"{{{ASSERTION}}}SubjectConfirmationData", {name: one for name, one in told.items() if one})
    times = {"NotBefore": _at(said.begins), "NotOnOrAfter": _at(said.condition_ends)}
    conditions = add(assertion, f"{{{ASSERTION}}}Conditions", times)
    if said.audience:
        restriction = add(conditions, f"{{{ASSERTION}}}AudienceRestriction")
        add(restriction, f"{{{ASSERTION}}}Audience").text = said.audience
    add(assertion, f"{{{ASSERTION}}}AuthnStatement", {"AuthnInstant": _at(0)})
    statement = add(assertion, f"{{{ASSERTION}}}AttributeStatement")
    for name, value in said.attributes.items():
        attribute = add(statement, f"{{{ASSERTION}}}Attribute", {"Name": name})
        add(attribute, f"{{{ASSERTION}}}AttributeValue").text = value
    return assertion


def _at(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + seconds))
