"""`pioche deploy`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pioche.accounts.callers import Caller
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.cli.progress import bars
from pioche.errors import BadRequest, NotOffered, Unprocessable
from pioche.names import parse_account_name
from pioche.serving.endpoints import finding
from pioche.serving.endpoints.changing import Model, New, Plan
from pioche.serving.endpoints.endpoint import Audience, Endpoint, Guards, Scaling, parse_guards, parse_steps
from pioche.serving.endpoints.finding import EndpointNotFound
from pioche.serving.external import address
from pioche.serving.external.address import Dialect
from pioche.upkeep.progress import Progress

if TYPE_CHECKING:
    from pioche.http.hub import Hub

_POLL_SECONDS = 0.5
_USUAL = Guards()


def deploy(
    model: str,
    endpoint: str,
    /,
    *,
    user: str,
    revision: str = "main",
    name: str = "",
    steps: str = "1,10,50,100",
    min_requests: int = _USUAL.min_requests,
    hold: float = _USUAL.hold_seconds,
    max_error_rate: float = _USUAL.max_error_rate,
    max_slowdown: float = _USUAL.max_slowdown,
    audience: Audience = Audience.AUTHENTICATED,
    external: str = "",
    dialect: Dialect = Dialect.OPENAI,
    task: str = "",
    token_file: Path | None = None,
    min_replicas: int = 1,
    max_replicas: int = 1,
    wait: Annotated[bool, Parameter(negative="--no-wait")] = True,
    options: Options = DEFAULT,
) -> None:
    """Deploy a revision of a model to an endpoint, and wait until it has the traffic.

    The first deployment makes the endpoint. A later one gets the traffic by steps, and is taken back where it fails or is
    slow. The hub that runs does it; broken off, it goes on.

    Parameters
    ----------
    model
        NAMESPACE/NAME; with --external, what the other server calls it.
    endpoint
        OWNER/NAME: asked at /endpoints/OWNER/NAME.
    user
        Who does it: an account of this hub.
    revision
        A branch, tag or commit. What it is now is deployed, and stays.
    name
        What the deployment is called; else v1, v2 and so on.
    steps
        Percent of the traffic, one after the other; 100: all at once, when it is ready.
    min_requests
        Requests that each step has to see.
    hold
        Seconds that each step lasts at least.
    max_error_rate
        Share of its requests that may fail, from 0 to 1.
    max_slowdown
        How many times the 95th percentile of the others its own may be.
    audience
        Of a new endpoint: public, authenticated or private.
    external
        The base of a server's API outside of this hub, such as https://host/v1, that answers in place of a model here.
    dialect
        Which API that server speaks.
    task
        Of a new endpoint with --external: text-generation or feature-extraction.
    token_file
        Has the token that the server of --external wants, on its first line.
    min_replicas
        Of a new endpoint; 0: it sleeps when nobody asks.
    max_replicas
        Of a new endpoint.
    wait
        Until it has the traffic, or is taken back.
    """
    owner, slash, called = endpoint.partition("/")
    if not slash:
        raise BadRequest(f"{endpoint!r} is no endpoint: OWNER/NAME is expected")
    guards = parse_guards(min_requests, hold, max_error_rate, max_slowdown)
    plan = Plan(steps=parse_steps(_numbers(steps)), guards=guards)
    scaling = Scaling(min_replicas=min_replicas, max_replicas=max_replicas)
    with options.hub() as hub:
        if not hub.config.serves_models:
            raise NotOffered("This hub serves no models: its setting inference is off")
        account = hub.directory.get_user(user)
        caller = Caller(account.id, account.name, may_write=True, is_admin=account.is_admin)
        wanted = Model(repo=model, revision=revision)
        if external:
            outside = address.Wanted(url=external, dialect=dialect, model=model, token=_token(token_file))
            wanted = Model(repo="", task=task, external=outside)
        try:
            finding.get(hub.database, caller, owner, called)
        except EndpointNotFound:
            new = New(name=called, model=wanted, audience=audience, scaling=scaling)
            found = hub.endpoints.create(caller, hub.directory.get(parse_account_name(owner)), new)
        else:
            found = hub.endpoints.deploy(caller, owner, called, wanted, plan, deployment=name)
        if wait:
            found = _followed(hub, caller, found)
        weights = {one.name: round(one.weight, 3) for one in found.deployments}
        done = {"endpoint": f"{found.owner}/{found.name}", "state": found.state, "weights": weights}
        output.show(done, f"{found.owner}/{found.name} is {found.state}: {_shares(found)}.", json=options.json)


def _followed(hub: "Hub", caller: Caller, found: Endpoint) -> Endpoint:
    """Raises Unprocessable when it did not end well."""
    with bars() as progress:
        shown = ""
        while True:
            found = finding.get(hub.database, caller, found.owner, found.name)
            shown = _told(found, progress, shown)
            if found.state == "failed":
                raise Unprocessable(f"It could not be started: {found.stable.reason}")
            if found.state == "updateFailed":
                raise Unprocessable(f"It was taken back: {found.outcome}")
            if found.state not in ("pending", "initializing", "updating"):
                return found
            time.sleep(_POLL_SECONDS)


def _told(found: Endpoint, progress: Progress, shown: str) -> str:
    going = found.rollout
    now = "starting" if going is None or going.step < 0 else f"{going.share:g} % of the traffic"
    if now != shown:
        progress.begin(now)
    return now


def _token(file: Path | None) -> str:
    """Raises BadRequest."""
    try:
        return file.read_text().partition("\n")[0].strip() if file is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"The token cannot be read from {file}: {error}") from None


def _shares(found: Endpoint) -> str:
    return ", ".join(f"{one.name} has {one.weight:g} %" for one in found.deployments if one.weight)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise BadRequest(
            f"{text!r} are no steps: numbers with commas between them are expected, such as 1,10,50,100"
        ) from None
