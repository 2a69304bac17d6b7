from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from pioche.accounts.saml import providers
from pioche.accounts.saml.providers import IdentityProvider
from pioche.errors import BadRequest
from tests.saml import Provider


def wanted(provider: Provider, **more: str) -> IdentityProvider:
    fields = {"entity_id": provider.entity_id, "sign_in_url": provider.sign_in_url, "certificates": provider.pem}
    return IdentityProvider("Lab ID", **fields | more)


def test_certificates_are_kept_in_one_form() -> None:
    provider, other = Provider(), Provider()
    bare = "\n".join(provider.pem.splitlines()[1:-1])
    assert providers.check(wanted(provider, certificates=bare)).certificates == provider.pem
    both = f"of now:\n{provider.pem}\nof next year:\n{other.pem}{provider.pem}"
    assert providers.check(wanted(provider, certificates=both)).certificates == provider.pem + other.pem


@pytest.mark.parametrize(
    "field",
    [
        {"entity_id": ""},
        {"entity_id": "two words"},
        {"sign_in_url": "http://idp.example.org/sso"},
        {"sign_in_url": "javascript:alert(1)"},
        {"sign_in_url": "https://idp.example.org@evil.example/sso"},
        {"certificates": ""},
        {"certificates": "MIIB"},
        {"email_attribute": "a\nb"},
    ],
)
def test_what_cannot_be_a_provider_is_refused(field: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        providers.check(wanted(Provider(), **field))


def test_keys_that_are_too_weak_or_cannot_sign_xml_are_refused() -> None:
    weak = Provider(key=rsa.generate_private_key(public_exponent=65537, key_size=1024))
    with pytest.raises(BadRequest, match="too short"):
        providers.check(wanted(weak))
    with pytest.raises(BadRequest, match="elliptic"):
        providers.check(wanted(_edwards()))


def _edwards() -> Provider:
    """Signed by another key, of a kind that has no place in XML signatures."""
    provider = Provider()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    made = made.public_key(ed25519.Ed25519PrivateKey.generate().public_key())
    made = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    provider.certificate = made.sign(provider.key, hashes.SHA256())
    return provider


@pytest.mark.parametrize(
    "change",
    [
        ("EntityDescriptor", "EntitiesDescriptor"),
        ("IDPSSODescriptor", "SPSSODescriptor"),
        ("bindings:HTTP-Redirect", "bindings:SOAP"),
        ("<?xml", "<!DOCTYPE a><?xml"),
    ],
)
def test_metadata_of_something_else_are_refused(change: tuple[str, str]) -> None:
    with pytest.raises(BadRequest, match="cannot be used"):
        providers.read_metadata(Provider().metadata().replace(*change))
