"""E-OIDC-3: what a SAML provider answers proves who somebody is, or it is refused (reliability.md section E).

The answers are forged from ones that are good: what is refused here is refused for the one thing that is wrong.
"""

import base64
import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from pioche.accounts.saml import answers, asking, providers
from pioche.accounts.saml.asking import Ourselves
from pioche.accounts.saml.documents import ASSERTION, PROTOCOL, SIGNATURE
from pioche.accounts.saml.providers import IdentityProvider
from pioche.errors import SignInFailed
from tests.saml import Provider, Said, certificate, written

Element = Any
US = Ourselves("https://hub.example.org/login/sso/1/saml/metadata", "https://hub.example.org/login/sso/1/saml/acs")
_ASSERTION = f"{{{ASSERTION}}}Assertion"
_SIGNATURE = f"{{{SIGNATURE}}}Signature"


@pytest.fixture(scope="module")
def provider() -> Provider:
    made = Provider()
    made.sign_in("ada", mail="Ada@example.org")
    return made


@pytest.fixture
def known(provider: Provider) -> IdentityProvider:
    return IdentityProvider("Lab ID", provider.entity_id, provider.sign_in_url, provider.pem, "mail")


@pytest.fixture
def said(provider: Provider, known: IdentityProvider) -> Said:
    return provider.asked(asking.begin(known, US)[0])


def read(known: IdentityProvider, response: Element) -> answers.Said:
    return answers.read(known, US, written(response))


@pytest.mark.parametrize("signs", [("assertion",), ("response",), ("assertion", "response")])
def test_e_saml_what_the_provider_signed_is_believed(
    provider: Provider, known: IdentityProvider, said: Said, signs: tuple[str, ...]
) -> None:
    provider.signs = signs
    try:
        found = read(known, provider.response(said))
    finally:
        provider.signs = ("assertion",)
    assert (found.claims.subject, found.claims.email, found.claims.issuer) == (
        "ada", "ada@example.org", provider.entity_id,
    )  # fmt: skip
    assert found.in_response_to == said.asked


def test_e_saml_rsa_and_a_certificate_that_is_over_and_a_second_one(
    known: IdentityProvider, provider: Provider
) -> None:
    other = Provider(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    other.certificate = certificate(other.key, days=-1)
    asked = provider.asked(asking.begin(known, US)[0])
    both = replace(known, certificates=known.certificates + other.pem)
    assert read(both, other.response(asked)).claims.subject == "ada"
    with pytest.raises(SignInFailed, match="not signed"):
        read(known, other.response(asked))


SAID: dict[str, tuple[Callable[[Said], Said], str]] = {
    "audience": (lambda said: replace(said, audience="https://another"), "another audience"),
    "no audience": (lambda said: replace(said, audience=""), "another audience"),
    "recipient": (lambda said: replace(said, recipient="https://another/acs"), "another address"),
    "destination": (lambda said: replace(said, destination="https://another/acs"), "another address"),
    "issuer": (lambda said: replace(said, issuer="https://idp.example.org/metadata/"), "Another provider"),
    "expired": (lambda said: replace(said, ends=-100), "another time"),
    "conditions are over": (lambda said: replace(said, condition_ends=-100), "another time"),
    "not yet": (lambda said: replace(said, begins=100), "another time"),
    "for ever": (lambda said: replace(said, ends=10**6, condition_ends=10**6), "too long"),
    "nobody asked": (lambda said: replace(said, asked="", answer_asked=""), "nobody asked for"),
    "two attempts": (lambda said: replace(said, answer_asked="_another"), "another attempt"),
    "no bearer": (lambda said: replace(said, method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"), "nobody"),
    "no success": (lambda said: replace(said, status="urn:oasis:names:tc:SAML:2.0:status:Responder"), "did not sign"),
    "transient": (
        lambda said: replace(said, format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"), "persistent NameID",
    ),
    "nobody": (lambda said: replace(said, subject=" "), "nobody"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_e_saml_what_is_not_for_us_now(provider: Provider, known: IdentityProvider, said: Said, name: str) -> None:
    forge, why = SAID[name]
    with pytest.raises(SignInFailed, match=why):
        read(known, provider.response(forge(said)))


def _evil(response: Element) -> Element:
    """The assertion as an attacker wants it: unsigned, of somebody else."""
    made = copy.deepcopy(response.find(_ASSERTION))
    made.find(f".//{{{ASSERTION}}}NameID").text = "root"
    found = made.find(_SIGNATURE)
    if found is not None:
        made.remove(found)
    made.set("ID", "_evil")
    return made


def _beside(response: Element) -> Element:
    response.insert(0, _evil(response))
    return response


def _around(response: Element) -> Element:
    """The signed one inside the evil one."""
    good, evil = response.find(_ASSERTION), _evil(response)
    response.replace(good, evil)
    evil.append(good)
    return response


def _in_signature(response: Element) -> Element:
    """The signed one in the signature's Object, the evil one in its place with that signature."""
    good, evil = response.find(_ASSERTION), _evil(response)
    signature = good.find(_SIGNATURE)
    response.replace(good, evil)
    evil.append(signature)
    etree.SubElement(signature, f"{{{SIGNATURE}}}Object").append(good)
    return response


def _same_id(response: Element) -> Element:
    evil = _evil(response)
    evil.set("ID", response.find(_ASSERTION).get("ID"))
    response.insert(0, evil)
    return response


def _in_extensions(response: Element) -> Element:
    good, evil = response.find(_ASSERTION), _evil(response)
    extensions = etree.SubElement(response, f"{{{PROTOCOL}}}Extensions")
    extensions.append(good)
    response.append(evil)
    return response


def _moved_up(response: Element) -> Element:
    """The assertion's signature as if it were the answer's."""
    good = response.find(_ASSERTION)
    signature = good.find(_SIGNATURE)
    response.insert(0, signature)
    return response


def _changed(response: Element) -> Element:
    response.find(f".//{{{ASSERTION}}}NameID").text = "root"
    return response


def _stripped(response: Element) -> Element:
    good = response.find(_ASSERTION)
    good.remove(good.find(_SIGNATURE))
    return response


def _encrypted(response: Element) -> Element:
    etree.SubElement(response, f"{{{ASSERTION}}}EncryptedAssertion")
    return response


def _two_references(response: Element) -> Element:
    info = response.find(f".//{{{SIGNATURE}}}SignedInfo")
    info.append(copy.deepcopy(info.find(f"{{{SIGNATURE}}}Reference")))
    return response


def _whole_document(response: Element) -> Element:
    response.find(f".//{{{SIGNATURE}}}Reference").set("URI", "")
    return response


def _other_transform(response: Element) -> Element:
    response.find(f".//{{{SIGNATURE}}}Transform").set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
    return response


def _hmac(response: Element) -> Element:
    """By a key that everybody knows: the certificate."""
    method = response.find(f".//{{{SIGNATURE}}}SignatureMethod")
    method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    return response


WRAPPED = (
    _beside, _around, _in_signature, _same_id, _in_extensions, _moved_up, _changed, _stripped, _encrypted, _two_references,
    _whole_document, _other_transform, _hmac,
)  # fmt: skip


@pytest.mark.parametrize("wrap", WRAPPED, ids=lambda wrap: wrap.__name__.strip("_"))
def test_e_saml_nothing_but_what_was_signed_is_read(
    provider: Provider, known: IdentityProvider, said: Said, wrap: Callable[[Element], Element]
) -> None:
    response = provider.response(said)
    assert read(known, response).claims.subject == "ada"
    with pytest.raises(SignInFailed):
        read(known, wrap(response))


def test_e_saml_another_key_in_the_answer_counts_for_nothing(
    provider: Provider, known: IdentityProvider, said: Said
) -> None:
    with pytest.raises(SignInFailed, match="not signed"):
        read(known, Provider(entity_id=provider.entity_id).response(said))


def test_e_saml_sha_1_is_no_signature(provider: Provider, known: IdentityProvider, said: Said) -> None:
    class Old(XMLSigner):
        def check_deprecated_methods(self) -> None:
            """As software of twenty years ago."""

    response = provider.response(said)
    assertion = response.find(_ASSERTION)
    assertion.remove(assertion.find(_SIGNATURE))
    signer = Old(
        signature_algorithm=SignatureMethod.ECDSA_SHA256, digest_algorithm=DigestAlgorithm.SHA1,
        c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
    )  # fmt: skip
    signed = signer.sign(assertion, key=provider.key, cert=provider.pem, reference_uri=assertion.get("ID"))
    response.replace(assertion, signed)
    with pytest.raises(SignInFailed, match="not signed"):
        read(known, response)


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
TEXTS: dict[str, Callable[[str], bytes]] = {
    "a DTD": lambda text: (BOMB + text).encode(),
    "a DTD in UTF-16": lambda text: ('<?xml version="1.0" encoding="UTF-16"?>' + BOMB + text).encode("utf-16"),
    "a comment that cuts a name": lambda text: text.replace(">ada<", ">ada<!-- -->.example<").encode(),
    "an instruction": lambda text: text.replace(">ada<", ">ada<?x y?><").encode(),
    "CDATA": lambda text: text.replace(">ada<", "><![CDATA[ada]]><").encode(),
    "too long": lambda text: text.encode() + b" " * 200_000,
    "too deep": lambda text: b"<a>" * 5000 + b"</a>" * 5000,
    "no XML": lambda text: b"hello",
    "nothing": lambda text: b"",
    "bytes": lambda text: b"\xff\xfe\x00",
}


@pytest.mark.parametrize("name", TEXTS)
def test_e_saml_xml_that_two_readers_read_in_two_ways(
    provider: Provider, known: IdentityProvider, said: Said, name: str
) -> None:
    body = TEXTS[name](etree.tostring(provider.response(said)).decode())
    with pytest.raises(SignInFailed):
        answers.read(known, US, base64.b64encode(body).decode())
    with pytest.raises(SignInFailed):
        answers.read(known, US, body.decode(errors="replace"))


def test_e_saml_a_comment_is_refused_even_where_it_was_signed(
    provider: Provider, known: IdentityProvider, said: Said
) -> None:
    """Canonical XML leaves comments out: the name of who registered `ada<!-- -->@x` is signed as well as `ada@x`."""
    response = provider.response(replace(said, subject="ada.example"))
    name = response.find(f".//{{{ASSERTION}}}NameID")
    name.text = "ada"
    comment = etree.Comment("x")
    comment.tail = ".example"
    name.append(comment)
    with pytest.raises(SignInFailed, match="comment"):
        read(known, response)


def test_e_saml_metadata_tell_whom_to_ask(provider: Provider) -> None:
    found = providers.read_metadata(provider.metadata())
    assert (found.entity_id, found.sign_in_url) == (provider.entity_id, provider.sign_in_url)
    kept = providers.check(IdentityProvider("x", found.entity_id, found.sign_in_url, found.certificates))
    assert kept.certificates == provider.pem
    assert len(kept.keys) == 1


def test_e_saml_our_own_metadata_name_one_address() -> None:
    root = etree.fromstring(asking.metadata(US))
    assert root.get("entityID") == US.entity_id
    assert [one.get("Location") for one in root.iter("{*}AssertionConsumerService")] == [US.acs]
