"""`pioche deploy-export`."""

from typing import Annotated

from cyclopts import Parameter

from pioche.accounts.callers import Caller
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.errors import BadRequest
from pioche.serving.endpoints import export, finding
from pioche.serving.endpoints.export import Format


def deploy_export(
    endpoint: str,
    /,
    *,
    form: Annotated[Format, Parameter(name="--format")] = Format.KSERVE,
    hub: str = "",
    options: Options = DEFAULT,
) -> None:
    """Print an endpoint as another system takes it, to run it there.

    For KServe: an InferenceService whose predictor is the deployment with the most traffic, with the others as its canaries.
    KServe downloads the models from this hub, with the token in the key `token` of a secret called `pioche`.

    For Ray Serve: a config file for `serve deploy`, an application for each deployment with traffic. Its nodes need this package
    with the engines (`pioche[ray]` and others), and HF_TOKEN in their environment where a repo is private.

    Parameters
    ----------
    endpoint
        OWNER/NAME.
    form
        For which system.
    hub
        The address of this hub, as that system reaches it; else the setting public_url.
    """
    owner, slash, called = endpoint.partition("/")
    if not slash:
        raise BadRequest(f"{endpoint!r} is no endpoint: OWNER/NAME is expected")
    with options.hub() as opened:
        address = (hub or opened.config.public_url).rstrip("/")
        if not address:
            raise BadRequest("Where is this hub, as the other system reaches it? Give --hub, or set public_url")
        found = finding.get(opened.database, Caller.operator(), owner, called)
        text = export.rendered(found, form, address)
        output.show({"format": form, "content": text}, text.rstrip("\n"), json=options.json)
