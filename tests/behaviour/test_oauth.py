"""Applications and what they are given, over both databases (E-OIDC): each code counts once, each refresh token once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from pioche.accounts import closing
from pioche.accounts.account import Account
from pioche.accounts.approvals import Policy, Status
from pioche.accounts.callers import Callers
from pioche.accounts.directory import Directory
from pioche.accounts.members import Role
from pioche.accounts.oauth import codes, consents, devices, grants
from pioche.accounts.oauth.applications import COMMAND_LINE, Application, Applications, Wanted, parse_redirects
from pioche.accounts.oauth.codes import Asked
from pioche.accounts.oauth.grants import Issued, Signed
from pioche.config import Config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import BadRequest, GrantRefused, InvalidClient, InvalidToken, NotFound
from pioche.upkeep.tidying import SweepSessions

pytestmark = pytest.mark.usefixtures("cheap_passwords")

BACK = "https://app.example.org/back"
VERIFIER = "v" * 43
CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"


@pytest.fixture
def directory(database: Database) -> Directory:
    return Directory(database)


@pytest.fixture
def ada(directory: Directory) -> Account:
    return directory.create_user("ada", password="correct horse", email="ada@example.org")


@pytest.fixture
def hf(database: Database) -> Application:
    return Applications(database).by_client_id(COMMAND_LINE)


@pytest.fixture
def site(database: Database, directory: Directory) -> Application:
    """Of somebody else."""
    eve = directory.create_user("eve", password="correct horse")
    wanted = Wanted.parse("Site", BACK, ("openid", "profile", "read-repos", "offline_access"))
    made, secret = Applications(database).register(eve, wanted, is_public=False)
    assert secret
    return made


def refused(call: object, *args: object) -> str:
    assert callable(call)
    with pytest.raises(GrantRefused) as info:
        call(*args)
    return info.value.error


def connected(database: Database, application: Application, user: Account) -> Issued:
    begun = devices.begin(database, application, None)
    devices.approve(database, begun.user_code, Signed(user, application, application.scopes, ()))
    return devices.redeem(database, application, begun.device_code)


def name_of(database: Database, token: str) -> str:
    async def ask() -> str:
        try:
            return (await Callers(database).by_token(token)).name
        finally:
            await database.aclose()

    return asyncio.run(ask())


def is_dead(database: Database, token: str) -> bool:
    try:
        name_of(database, token)
    except InvalidToken:
        return True
    return False


def test_a_code_of_a_machine_is_answered_once_and_used_once(database: Database, hf: Application, ada: Account) -> None:
    begun = devices.begin(database, hf, None)
    assert refused(devices.redeem, database, hf, begun.device_code) == "authorization_pending"
    assert refused(devices.redeem, database, hf, begun.device_code) == "slow_down"
    typed = f" {begun.user_code.lower().replace('-', ' ')} "
    assert devices.waiting(database, typed).client_id == COMMAND_LINE
    signed = Signed(ada, hf, hf.scopes, ())
    devices.approve(database, typed, signed)
    for again in (lambda: devices.approve(database, typed, signed), lambda: devices.waiting(database, typed)):
        with pytest.raises(NotFound):
            again()
    issued = devices.redeem(database, hf, begun.device_code)
    assert name_of(database, issued.access_token) == "ada"
    assert refused(devices.redeem, database, hf, begun.device_code) == "invalid_grant"
    with database.read() as connection:
        kept = str(connection.execute(sa.select(schema.oauth_grants)).all())
    assert issued.refresh_token
    assert issued.refresh_token.rpartition(".")[2] not in kept


def test_a_code_is_for_its_application_and_its_time(
    database: Database, hf: Application, site: Application, ada: Account
) -> None:
    begun, denied = devices.begin(database, hf, None), devices.begin(database, hf, "openid profile what-is-this")
    assert devices.waiting(database, denied.user_code).scopes == ("openid", "profile")
    assert refused(devices.begin, database, site, "write-repos") == "invalid_scope"
    assert refused(devices.redeem, database, site, begun.device_code) == "invalid_grant"
    devices.deny(database, denied.user_code, ada, hf)
    assert refused(devices.redeem, database, hf, denied.device_code) == "access_denied"
    with database.write() as connection:
        connection.execute(schema.oauth_devices.update().values(expires_at=1))
    assert refused(devices.redeem, database, hf, begun.device_code) == "expired_token"
    with pytest.raises(NotFound):
        devices.waiting(database, begun.user_code)
    SweepSessions(database).run("", {})
    assert refused(devices.redeem, database, hf, begun.device_code) == "invalid_grant"


def test_e_oidc_a_refresh_token_that_was_used_ends_what_came_of_it(
    database: Database, hf: Application, site: Application, ada: Account
) -> None:
    first = connected(database, hf, ada)
    assert first.refresh_token
    assert refused(grants.refresh, database, site, first.refresh_token) == "invalid_grant"
    second = grants.refresh(database, hf, first.refresh_token)
    assert second.token_id == first.token_id
    assert is_dead(database, first.access_token)
    assert name_of(database, second.access_token) == "ada"
    assert refused(grants.refresh, database, hf, first.refresh_token) == "invalid_grant"
    assert is_dead(database, second.access_token)
    assert second.refresh_token
    assert refused(grants.refresh, database, hf, second.refresh_token) == "invalid_grant"
    assert refused(grants.refresh, database, hf, "hf_refresh_unknown.unknown") == "invalid_grant"


def test_of_many_at_once_with_one_refresh_token_one_at_most_goes_on(
    database: Database, hf: Application, ada: Account
) -> None:
    token = connected(database, hf, ada).refresh_token
    assert token

    def try_(value: str) -> Issued | None:
        try:
            return grants.refresh(database, hf, value)
        except GrantRefused:
            return None

    with ThreadPoolExecutor(4) as pool:
        found = [one for one in pool.map(try_, [token] * 4) if one is not None]
    assert len(found) == 1
    assert is_dead(database, found[0].access_token)  # the others had a copy


def test_e_oidc_a_code_of_a_browser_is_used_once_and_by_who_asked(
    database: Database, site: Application, ada: Account
) -> None:
    signed = Signed(ada, site, ("openid", "offline_access"), ())
    asked = Asked(BACK, "n", CHALLENGE)
    code = codes.give(database, signed, asked, signed_in_at=5000, was_asked=True)
    assert refused(codes.redeem, database, site, code, BACK + "/", VERIFIER) == "invalid_grant"
    assert refused(codes.redeem, database, site, code, BACK, "w" * 43) == "invalid_grant"
    assert refused(codes.redeem, database, site, code, BACK, "") == "invalid_grant"
    redeemed = codes.redeem(database, site, code, BACK, VERIFIER)
    assert (redeemed.nonce, redeemed.signed_in_at, redeemed.signed.user.name) == ("n", 5000, "ada")
    assert name_of(database, redeemed.issued.access_token) == "ada"
    assert refused(codes.redeem, database, site, code, BACK, VERIFIER) == "invalid_grant"
    assert is_dead(database, redeemed.issued.access_token)
    late = codes.give(database, signed, asked, signed_in_at=5000, was_asked=False)
    with database.write() as connection:
        connection.execute(schema.oauth_codes.update().values(expires_at=1))
    assert refused(codes.redeem, database, site, late, BACK, VERIFIER) == "invalid_grant"


def test_taking_back_ends_every_token_of_the_application_and_no_other(
    database: Database, directory: Directory, hf: Application, site: Application, ada: Account
) -> None:
    of_site, of_hf = connected(database, site, ada), connected(database, hf, ada)
    own, _ = directory.tokens.create(ada)
    assert {one.name for one in consents.of(database, ada.id)} == {"Site", hf.name}
    consents.take_back(database, ada, site.client_id)
    assert is_dead(database, of_site.access_token)
    assert of_site.refresh_token
    assert refused(grants.refresh, database, site, of_site.refresh_token) == "invalid_grant"
    assert name_of(database, of_hf.access_token) == "ada"
    assert name_of(database, own) == "ada"
    with pytest.raises(NotFound):
        consents.take_back(database, ada, site.client_id)
    assert [one.name for one in consents.of(database, ada.id)] == [hf.name]


def test_an_application_that_is_removed_takes_its_tokens_along(
    database: Database, directory: Directory, site: Application, ada: Account
) -> None:
    issued, eve = connected(database, site, ada), directory.get_user("eve")
    applications = Applications(database)
    with pytest.raises(NotFound):
        applications.remove(ada, site.client_id)
    applications.remove(eve, site.client_id)
    assert is_dead(database, issued.access_token)
    with pytest.raises(InvalidClient):
        applications.by_client_id(site.client_id)


def test_an_application_ends_with_the_account_of_its_owner(
    database: Database, directory: Directory, site: Application, hf: Application, ada: Account
) -> None:
    of_site, of_hf = connected(database, site, ada), connected(database, hf, ada)
    closing.close(database, directory.get_user("eve"), with_repos=True)
    assert is_dead(database, of_site.access_token)
    assert name_of(database, of_hf.access_token) == "ada"


def test_who_is_suspended_gets_no_next_token(
    database: Database, directory: Directory, hf: Application, ada: Account
) -> None:
    issued = connected(database, hf, ada)
    directory.suspend(ada)
    assert is_dead(database, issued.access_token)
    assert issued.refresh_token
    assert refused(grants.refresh, database, hf, issued.refresh_token) == "invalid_grant"


def test_e_oidc_an_organisation_approves_tokens_of_applications_as_any_other(
    database: Database, directory: Directory, hf: Application, ada: Account
) -> None:
    lab, chief = directory.create_org("lab"), directory.create_user("chief")
    directory.members.add(lab, ada, Role.WRITE)
    directory.members.add(lab, chief, Role.ADMIN)
    directory.approvals.set_policy(lab, Policy(wants_fine_grained=True, approves=True), actor_id=chief.id)
    begun = devices.begin(database, hf, None)
    devices.approve(database, begun.user_code, Signed(ada, hf, hf.scopes, (lab.id,)))
    issued = devices.redeem(database, hf, begun.device_code)
    assert [(one.id, one.status) for one in directory.approvals.seen(lab)] == [(issued.token_id, Status.PENDING)]
    directory.approvals.decide(lab, issued.token_id, Status.APPROVED, actor=chief)
    assert issued.refresh_token
    grants.refresh(database, hf, issued.refresh_token)
    assert [one.status for one in directory.approvals.seen(lab)] == [Status.APPROVED]


def test_a_secret_proves_an_application_until_there_is_another(database: Database, directory: Directory) -> None:
    ada, applications = directory.create_user("ada"), Applications(database)
    made, secret = applications.register(ada, Wanted.parse(" My  site ", "", ("openid",)), is_public=False)
    assert made.name == "My site"
    assert secret
    assert applications.authenticate(made.client_id, secret) == made
    _, other = applications.renew_secret(ada, made.client_id)
    for wrong in (secret, "", None):
        with pytest.raises(InvalidClient):
            applications.authenticate(made.client_id, wrong)
    assert applications.authenticate(made.client_id, other) == made
    with pytest.raises(InvalidClient):  # a public one has no secret to be known by
        applications.authenticate(COMMAND_LINE, "x")


@pytest.mark.parametrize(
    "address",
    ["http://example.org/", "javascript:alert(1)", "https://a/#b", "https://u@a/", "//a", "data:,x", "https:///a", "x:/"],
)  # fmt: skip
def test_nobody_is_led_to_such_an_address(address: str) -> None:
    with pytest.raises(BadRequest):
        parse_redirects(address)


def test_applications_lead_back_to_sites_and_to_ones_own_machine() -> None:
    found = "https://a.example/b?c=d http://localhost:7860/x http://127.0.0.1/ com.example.app:/back"
    assert parse_redirects(found) == tuple(found.split())


def test_what_is_long_over_is_swept(config: Config, database: Database, hf: Application, ada: Account) -> None:
    connected(database, hf, ada)
    tokens = schema.tokens
    with database.write() as connection:
        connection.execute(tokens.update().values(revoked_at=1))
    Directory(database).tokens.create(ada)
    SweepSessions(database).run("", {})
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tokens)).scalar_one() == 1
        assert connection.execute(sa.select(schema.oauth_grants)).first() is None
