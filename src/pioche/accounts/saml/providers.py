"""Whom to ask: an identity provider, as an organisation set it up."""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from pioche.accounts.saml import documents
from pioche.accounts.saml.documents import METADATA, PROTOCOL, REDIRECT, SIGNATURE, Element
from pioche.errors import BadRequest, SignInFailed

_TEXT_MAX = 1000
_CERTIFICATES_MAX = 10
_RSA_BITS_MIN = 2048
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """`certificates` are PEM, one after the other: whoever signs with one of their keys is it. `email_attribute` says which
    of its attributes is an address; empty: the name that it gives somebody, where that is one."""

    name: str
    entity_id: str
    sign_in_url: str
    certificates: str
    email_attribute: str = ""

    @property
    def keys(self) -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates(self.certificates.encode())


@dataclass(frozen=True, slots=True)
class Published:
    """What a provider's metadata tell."""

    entity_id: str
    sign_in_url: str
    certificates: str


def read_metadata(text: str) -> Published:
    """From the XML that a provider publishes. Raises BadRequest."""
    try:
        return _published(documents.parse_metadata(text))
    except SignInFailed as error:
        raise BadRequest(f"The metadata cannot be used: {error.message}") from None


def check(provider: IdentityProvider) -> IdentityProvider:
    """With its certificates in the one form that is kept. Raises BadRequest."""
    for text in (provider.entity_id, provider.sign_in_url):
        if not text or len(text) > _TEXT_MAX or not text.isprintable() or " " in text:
            raise BadRequest("The provider's entity id and its address to sign in at are expected")
    address = urlsplit(provider.sign_in_url)
    if not (address.scheme == "https" or (address.scheme == "http" and address.hostname in _LOOPBACK)):
        raise BadRequest("The address to sign in at has to be an https address")
    if address.username is not None or address.fragment:
        raise BadRequest("The address to sign in at has neither a user nor a fragment")
    if len(provider.email_attribute) > _TEXT_MAX or not provider.email_attribute.isprintable():
        raise BadRequest("The name of the attribute with the address cannot be read")
    kept = _normal(provider.certificates)
    return IdentityProvider(provider.name, provider.entity_id, provider.sign_in_url, kept, provider.email_attribute)


def _published(root: Element) -> Published:
    if root.tag != f"{{{METADATA}}}EntityDescriptor":
        raise SignInFailed("one EntityDescriptor is expected")
    described = [
        one
        for one in documents.children(root, METADATA, "IDPSSODescriptor")
        if PROTOCOL in one.get("protocolSupportEnumeration", "").split()
    ]
    if len(described) != 1:
        raise SignInFailed("one IDPSSODescriptor of SAML 2.0 is expected")
    addresses = [
        one.get("Location", "")
        for one in documents.children(described[0], METADATA, "SingleSignOnService")
        if one.get("Binding") == REDIRECT
    ]
    if not addresses:
        raise SignInFailed("no SingleSignOnService by HTTP-Redirect is among them")
    return Published(root.get("entityID", ""), addresses[0], "\n".join(_signing(described[0])))


def _signing(described: Element) -> list[str]:
    return [
        f"-----BEGIN CERTIFICATE-----\n{documents.text_of(certificate)}\n-----END CERTIFICATE-----"
        for descriptor in documents.children(described, METADATA, "KeyDescriptor")
        if descriptor.get("use", "signing") == "signing"
        for info in documents.children(descriptor, SIGNATURE, "KeyInfo")
        for data in documents.children(info, SIGNATURE, "X509Data")
        for certificate in documents.children(data, SIGNATURE, "X509Certificate")
    ]


def _normal(text: str) -> str:
    """From PEM, or from one certificate in base64, as consoles of providers show it."""
    parts = _PEM.findall(text) or [text]
    if not 0 < len(parts) <= _CERTIFICATES_MAX:
        raise BadRequest(f"1 to {_CERTIFICATES_MAX} certificates that the provider signs with are expected")
    return "".join(dict.fromkeys(_certificate(part) for part in parts))


def _certificate(part: str) -> str:
    try:
        found = x509.load_der_x509_certificate(base64.b64decode("".join(part.split()), validate=True))
        key = found.public_key()
    except (ValueError, binascii.Error, x509.InvalidVersion):
        raise BadRequest("A certificate cannot be read: X.509 as PEM or as base64 is expected") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _RSA_BITS_MIN:
        raise BadRequest(f"The key of a certificate is too short: RSA of {_RSA_BITS_MIN} bits is the least")
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise BadRequest("The key of a certificate has to be one of RSA or of an elliptic curve")
    return found.public_bytes(Encoding.PEM).decode()
