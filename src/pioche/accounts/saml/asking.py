"""Where a browser goes (SAML bindings 3.4, HTTP-Redirect), and what we publish of ourselves."""

import base64
import secrets
import time
import zlib
from dataclasses import dataclass
from urllib.parse import urlencode

from lxml import etree

from pioche.accounts.saml.documents import ASSERTION, METADATA, POST, PROTOCOL
from pioche.accounts.saml.providers import IdentityProvider

TIME = "%Y-%m-%dT%H:%M:%SZ"
_ID_BYTES = 20


@dataclass(frozen=True, slots=True)
class Ourselves:
    """For one organisation: our entity id, which is where our metadata stand, and where answers are sent."""

    entity_id: str
    acs: str


def begin(provider: IdentityProvider, ourselves: Ourselves) -> tuple[str, str]:
    """The address, and the id that the answer has to name: nobody can guess it."""
    id_ = f"_{secrets.token_hex(_ID_BYTES)}"
    request = etree.Element(
        f"{{{PROTOCOL}}}AuthnRequest",
        {
            "ID": id_,
            "Version": "2.0",
            "IssueInstant": time.strftime(TIME, time.gmtime()),
            "Destination": provider.sign_in_url,
            "AssertionConsumerServiceURL": ourselves.acs,
            "ProtocolBinding": POST,
        },
        nsmap={"samlp": PROTOCOL, "saml": ASSERTION},
    )
    etree.SubElement(request, f"{{{ASSERTION}}}Issuer").text = ourselves.entity_id
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(etree.tostring(request)) + packer.flush()
    query = urlencode({"SAMLRequest": base64.b64encode(packed).decode()})
    return f"{provider.sign_in_url}{'&' if '?' in provider.sign_in_url else '?'}{query}", id_


def metadata(ourselves: Ourselves) -> bytes:
    """For the provider to read: who we are, and that we want signed assertions at one address."""
    root = etree.Element(f"{{{METADATA}}}EntityDescriptor", {"entityID": ourselves.entity_id}, nsmap={"md": METADATA})
    described = etree.SubElement(
        root,
        f"{{{METADATA}}}SPSSODescriptor",
        {"AuthnRequestsSigned": "false", "WantAssertionsSigned": "true", "protocolSupportEnumeration": PROTOCOL},
    )
    etree.SubElement(
        described,
        f"{{{METADATA}}}AssertionConsumerService",
        {"Binding": POST, "Location": ourselves.acs, "index": "0", "isDefault": "true"},
    )
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return written
