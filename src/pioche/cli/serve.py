"""`pioche serve`: the hub itself."""

import json as json_format
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pioche import config
from pioche.config import Config
from pioche.observe import log
from pioche.processes import child, lock
from pioche.processes.supervisor import Supervisor

_SENTENCES = {setting.name: setting.metadata["sentence"] for setting in config.settings()}


def _option(name: str) -> Parameter:
    return Parameter(help=_SENTENCES[name])


def serve(
    *,
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[int | None, _option("port")] = None,
    ssh_port: Annotated[int | None, _option("ssh_port")] = None,
    workers: Annotated[int | None, _option("workers")] = None,
    data_dir: Annotated[Path | None, _option("data_dir")] = None,
    public_url: Annotated[str | None, _option("public_url")] = None,
    database_url: Annotated[str | None, _option("database_url")] = None,
    tls_cert: Annotated[str | None, _option("tls_cert")] = None,
    tls_key: Annotated[str | None, _option("tls_key")] = None,
    log_level: Annotated[str | None, _option("log_level")] = None,
    log_format: Annotated[str | None, _option("log_format")] = None,
    json: Annotated[bool, Parameter(negative="", help="Print JSON objects, one a line.")] = False,
) -> int:
    """Run the hub until SIGTERM or Ctrl-C, which let requests in flight finish.

    Prints one line with its address when it can serve; before that, on the first start, the administrator's one-time
    password. Logs go to standard error. Every setting may also be given in the environment or in pioche.toml.
    """
    options = {key: value for key, value in locals().items() if key != "json"}
    settings = config.load(options)
    log.configure(settings.log_level, settings.log_format)
    config.prepare_data_dir(settings)
    held = lock.hold(settings)
    with closing(Supervisor(settings)) as supervisor:
        password = _prepared(settings, is_alone=held.is_alone)
        held.started()
        if password:
            _print(
                {"administrator": "admin", "password": password},
                "First start: user {administrator}, one-time password {password}",
                as_json=json,
            )
        url = {"url": supervisor.url}
        return supervisor.run(ready=lambda: _print(url, "Pioche is ready at {url}", as_json=json))


def _prepared(settings: Config, *, is_alone: bool) -> str | None:
    """Loads what all processes need, once, and makes the data folder ready, apart."""
    # Not before there is a supervisor: Prometheus's library looks for the folder of its figures when it is imported.
    from pioche import app

    return child.apart("prepare", partial(app.prepare_start, settings, is_alone=is_alone))


def _print(found: dict[str, str], text: str, *, as_json: bool) -> None:
    """At once: whoever started the hub waits for it."""
    print(json_format.dumps(found) if as_json else text.format(**found), flush=True)
