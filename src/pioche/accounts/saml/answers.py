"""What a provider said, and whether it was said to us, now, and to what was asked (SAML profiles 4.1.4)."""

import base64
import binascii
import calendar
import hashlib
import re
import time
from dataclasses import dataclass

from pioche.accounts.oidc import SKEW_SECONDS, Claims
from pioche.accounts.saml import documents
from pioche.accounts.saml.asking import Ourselves
from pioche.accounts.saml.documents import ASSERTION, PROTOCOL, Element
from pioche.accounts.saml.providers import IdentityProvider
from pioche.accounts.saml.signatures import signed_assertion
from pioche.errors import SignInFailed

_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z|\+00:00)", re.ASCII)
_SUBJECT_MAX = 255
_EMAIL_MAX = 300
_LIFE_SECONDS_MAX = 24 * 3600
"""An assertion that is good for longer would have to be remembered as long."""


@dataclass(frozen=True, slots=True)
class Said:
    """`in_response_to` is the id of what a browser asked; `key` the assertion's own, which counts once, and until when
    somebody would take it, in Unix milliseconds."""

    claims: Claims
    in_response_to: str
    key: str
    until: int


def read(provider: IdentityProvider, ourselves: Ourselves, sent: str) -> Said:
    """From the field `SAMLResponse` of the form that a browser brings. Raises SignInFailed."""
    try:
        body = base64.b64decode("".join(sent.split()), validate=True)
    except (ValueError, binascii.Error):
        raise SignInFailed("This is no answer of a SAML provider") from None
    root = documents.parse(body)
    _check_answer(provider, ourselves, root)
    assertion = signed_assertion(root, provider.keys)
    return _said(provider, ourselves, root, assertion)


def _check_answer(provider: IdentityProvider, ourselves: Ourselves, root: Element) -> None:
    """Around the assertion: it may be unsigned, so nothing of it is relied on; it may only say no."""
    if root.tag != f"{{{PROTOCOL}}}Response" or root.get("Version") != "2.0":
        raise SignInFailed("This is no answer of a SAML 2.0 provider")
    if root.get("Destination", ourselves.acs) != ourselves.acs:
        raise SignInFailed(_for("another address", provider))
    issuer = documents.child(root, ASSERTION, "Issuer")
    if issuer is not None and documents.text_of(issuer) != provider.entity_id:
        raise SignInFailed("Another provider answered than was asked: begin again")
    status = documents.child(root, PROTOCOL, "Status")
    code = None if status is None else documents.child(status, PROTOCOL, "StatusCode")
    if code is None or code.get("Value") != _SUCCESS:
        inner = None if code is None else documents.child(code, PROTOCOL, "StatusCode")
        why = "" if inner is None else inner.get("Value", "").rpartition(":")[2][:60]
        raise SignInFailed(f"{provider.name} did not sign you in ({why or 'no success'})")


def _said(provider: IdentityProvider, ourselves: Ourselves, root: Element, assertion: Element) -> Said:
    if assertion.get("Version") != "2.0" or not assertion.get("ID"):
        raise SignInFailed("This is no assertion of SAML 2.0")
    if documents.text_of(documents.child(assertion, ASSERTION, "Issuer")) != provider.entity_id:
        raise SignInFailed(_for("another issuer", provider))
    conditioned = _check_conditions(provider, ourselves, assertion)
    subject = documents.child(assertion, ASSERTION, "Subject")
    if subject is None or not documents.children(assertion, ASSERTION, "AuthnStatement"):
        raise SignInFailed(_for("nobody who signed in", provider))
    asked, confirmed = _confirmed(provider, ourselves, subject)
    if root.get("InResponseTo", asked) != asked:
        raise SignInFailed(_for("another attempt", provider))
    ends = confirmed if conditioned is None else min(confirmed, conditioned)
    if ends > time.time() + _LIFE_SECONDS_MAX:
        raise SignInFailed(_for("too long a time", provider))
    key = hashlib.sha256(f"saml\n{provider.entity_id}\n{assertion.get('ID')}".encode()).hexdigest()
    return Said(_claims(provider, assertion, subject), asked, key, (ends + SKEW_SECONDS) * 1000)


def _check_conditions(provider: IdentityProvider, ourselves: Ourselves, assertion: Element) -> int | None:
    """When they end, in Unix seconds. Without an audience it is for anybody, so for nobody."""
    conditions = documents.child(assertion, ASSERTION, "Conditions")
    if conditions is None:
        raise SignInFailed(_for("another audience", provider))
    restrictions = documents.children(conditions, ASSERTION, "AudienceRestriction")
    audiences = [
        [documents.text_of(one) for one in documents.children(restriction, ASSERTION, "Audience")]
        for restriction in restrictions
    ]
    if not audiences or not all(ourselves.entity_id in listed for listed in audiences):
        raise SignInFailed(_for("another audience", provider))
    _check_begun(provider, conditions)
    return _ends(provider, conditions)


def _confirmed(provider: IdentityProvider, ourselves: Ourselves, subject: Element) -> tuple[str, int]:
    """What was asked, and until when whoever bears it is believed: by one confirmation that is all for us."""
    failure = SignInFailed(_for("nobody", provider))
    for confirmation in documents.children(subject, ASSERTION, "SubjectConfirmation"):
        data = documents.child(confirmation, ASSERTION, "SubjectConfirmationData")
        if confirmation.get("Method") != _BEARER or data is None:
            continue
        try:
            return _confirmation(provider, ourselves, data)
        except SignInFailed as error:
            failure = error
    raise failure


def _confirmation(provider: IdentityProvider, ourselves: Ourselves, data: Element) -> tuple[str, int]:
    if data.get("Recipient") != ourselves.acs:
        raise SignInFailed(_for("another address", provider))
    _check_begun(provider, data)
    ends = _ends(provider, data)
    if ends is None:
        raise SignInFailed(_for("another time", provider))
    asked = data.get("InResponseTo", "")
    if not asked:
        raise SignInFailed("Begin here, at the organization's page: an answer that nobody asked for is not taken")
    return asked, ends


def _check_begun(provider: IdentityProvider, element: Element) -> None:
    begins = element.get("NotBefore")
    if begins is not None and _instant(provider, begins) - SKEW_SECONDS > time.time():
        raise SignInFailed(_for("another time", provider))


def _ends(provider: IdentityProvider, element: Element) -> int | None:
    written = element.get("NotOnOrAfter")
    if written is None:
        return None
    ends = _instant(provider, written)
    if ends + SKEW_SECONDS <= time.time():
        raise SignInFailed(_for("another time", provider))
    return ends


def _instant(provider: IdentityProvider, text: str) -> int:
    """In Unix seconds: SAML core 1.3.3 has UTC alone."""
    found = _INSTANT.fullmatch(text)
    try:
        return calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S")) if found else _no_time(provider)
    except (ValueError, OverflowError):
        return _no_time(provider)


def _no_time(provider: IdentityProvider) -> int:
    raise SignInFailed(_for("a time that cannot be read", provider))


def _claims(provider: IdentityProvider, assertion: Element, subject: Element) -> Claims:
    """An organisation's provider is the one that says which address is whose there: no flag says that it verified it."""
    named = documents.child(subject, ASSERTION, "NameID")
    who = documents.text_of(named)
    if named is None or not 0 < len(who) <= _SUBJECT_MAX or not who.isprintable():
        raise SignInFailed(_for("nobody", provider))
    if named.get("Format") == _TRANSIENT:
        raise SignInFailed(
            f"{provider.name} gives people another name each time: have it send a persistent NameID, or the address"
        )
    email = _attribute(assertion, provider.email_attribute) if provider.email_attribute else ""
    if not provider.email_attribute and named.get("Format") == _EMAIL:
        email = who
    is_address = "@" in email and len(email) <= _EMAIL_MAX and email.isprintable()
    return Claims(provider.entity_id, who, email.lower() if is_address else None, "", "", frozenset())


def _attribute(assertion: Element, name: str) -> str:
    """Its first value."""
    for statement in documents.children(assertion, ASSERTION, "AttributeStatement"):
        for attribute in documents.children(statement, ASSERTION, "Attribute"):
            values = documents.children(attribute, ASSERTION, "AttributeValue")
            if name in (attribute.get("Name"), attribute.get("FriendlyName")) and values:
                return documents.text_of(values[0])
    return ""


def _for(what: str, provider: IdentityProvider) -> str:
    return f"What {provider.name} answered is for {what}: begin again"
