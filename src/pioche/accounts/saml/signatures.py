"""Which element of an answer the provider signed.

What is given back is built anew from the very bytes that the signature covers: whatever else stands around it, or is called
the same, is gone (no signature wrapping). The keys are the pinned certificates' alone: what an answer brings along is not
looked at, nor is the time of a certificate, since an administrator pinned it (SAML V2.0 Metadata Interoperability Profile 2.6).
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from pioche.accounts.saml import documents
from pioche.accounts.saml.documents import ASSERTION, PROTOCOL, SIGNATURE, Element
from pioche.errors import SignInFailed

_RESPONSE = f"{{{PROTOCOL}}}Response"
_ASSERTION = f"{{{ASSERTION}}}Assertion"
_METHODS = frozenset(
    getattr(SignatureMethod, f"{kind}_SHA{bits}") for kind in ("RSA", "ECDSA") for bits in (256, 384, 512)
) | {SignatureMethod.SHA256_RSA_MGF1, SignatureMethod.SHA384_RSA_MGF1, SignatureMethod.SHA512_RSA_MGF1}
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
_TRANSFORMS = frozenset(
    {
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
    }
)
_NOT_SIGNED = "What the provider answered is not signed by it"


def signed_assertion(root: Element, certificates: list[x509.Certificate]) -> Element:
    """The one assertion, as it was signed: by itself, or with the whole answer. Raises SignInFailed."""
    assertion = _only_assertion(root)
    signed = [one for one in (root, assertion) if documents.child(one, SIGNATURE, "Signature") is not None]
    _check_no_others(root, len(signed))
    if not signed:
        raise SignInFailed(_NOT_SIGNED)
    outer = signed[0]
    verified = _verified(root, outer, certificates)
    if outer is assertion:
        return verified
    return _only_assertion(verified)


def _only_assertion(root: Element) -> Element:
    if root.tag != _RESPONSE:
        raise SignInFailed("This is no answer of a SAML provider")
    if next(root.iter(f"{{{ASSERTION}}}EncryptedAssertion"), None) is not None:
        raise SignInFailed(
            "The provider encrypts its assertions, which this hub does not read: turn that off there (they travel over https)"
        )
    found = list(root.iter(_ASSERTION))
    if len(found) != 1 or found[0].getparent() is not root:
        raise SignInFailed("One assertion is expected, in its place")
    return found[0]


def _check_no_others(root: Element, expected: int) -> None:
    """A signature anywhere else is no part of what providers send."""
    if len(list(root.iter(f"{{{SIGNATURE}}}Signature"))) != expected:
        raise SignInFailed(_NOT_SIGNED)


def _verified(root: Element, outer: Element, certificates: list[x509.Certificate]) -> Element:
    _check_shape(outer)
    location = "./" if outer is root else f"./{{{ASSERTION}}}Assertion/"
    for certificate in certificates:
        configuration = SignatureConfiguration(
            location=location,
            expect_references=1,
            signature_methods=_METHODS,
            digest_algorithms=_DIGESTS,
            verification_time=certificate.not_valid_before_utc,
        )
        try:
            result = XMLVerifier().verify(root, x509_cert=certificate, expect_config=configuration, id_attribute="ID")
        except (InvalidSignature, SignXMLException, etree.LxmlError, ValueError, TypeError, KeyError, AttributeError):
            continue  # by another of them, perhaps
        except NotImplementedError:  # a key of another kind than the method asks for
            continue
        found = None if isinstance(result, list) else result.signed_xml
        if found is not None and (found.tag, found.get("ID")) == (outer.tag, outer.get("ID")):
            return found
    raise SignInFailed(_NOT_SIGNED)


def _check_shape(outer: Element) -> None:
    """One reference, to the element that the signature stands in; nothing is done to it but what has to be."""
    info = documents.child(documents.child(outer, SIGNATURE, "Signature"), SIGNATURE, "SignedInfo")
    reference = None if info is None else documents.child(info, SIGNATURE, "Reference")
    own = outer.get("ID")
    if reference is None or not own or reference.get("URI") != f"#{own}":
        raise SignInFailed(_NOT_SIGNED)
    transforms = documents.child(reference, SIGNATURE, "Transforms")
    listed = [] if transforms is None else documents.children(transforms, SIGNATURE, "Transform")
    if any(one.get("Algorithm") not in _TRANSFORMS for one in listed):
        raise SignInFailed(_NOT_SIGNED)
