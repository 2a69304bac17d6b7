"""Settings: a name, a type, a default and one sentence each. Only this file reads the environment.

The same names everywhere: `pioche.toml` (`port = 8000`), the environment (`PIOCHE_PORT=8000`), options (`--port 8000`);
the later one wins. A mistake raises ConfigError, which names the key, before anything starts (scenario J5).
A `Config` is frozen, loaded once at the top and handed down: two hubs can live in one process.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from pioche.errors import ConfigError
from pioche.networks import Allowed

_TERMS_URL = re.compile(r"https?://[^\s\"'<>\\]{1,2000}\Z", re.ASCII)
_PUBLIC_URL = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?/?\Z")
_DATABASE_URL = re.compile(
    r"postgres(?:ql)?://(?:[^@\s]+@)?(?:\[[0-9A-Fa-f:.]+\]|[^:/?#\s\[\]]*)(?::[0-9]{1,5})?(?:/[^\s]*)?(?:\?[^\s]*)?\Z"
)
_LOCATION = re.compile(r"(?:/[A-Za-z0-9._-]+)+\Z")
_HOST = re.compile(r"[A-Za-z0-9._-]+\Z|[0-9A-Fa-f:.]+\Z")

_SSH_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?\Z")
_STORAGE_URL = re.compile(r"(?:s3|gs|az)://[A-Za-z0-9._-]+(?:/[A-Za-z0-9._/-]*)?\Z")
_ENDPOINT = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?/?\Z")
_COLLECTOR = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?\Z")
_MAIL_FROM = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}\Z")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ON_OFF = ("on", "off")
_RATES = (
    "rate_seconds", "rate_api", "rate_api_anonymous", "rate_resolvers", "rate_resolvers_anonymous", "rate_pages",
    "rate_pages_anonymous",
)  # fmt: skip

_STANDARD = {"OTEL_EXPORTER_OTLP_ENDPOINT": "otlp_endpoint", "OTEL_EXPORTER_OTLP_HEADERS": "otlp_headers"}
"""Variables of OpenTelemetry, which count where no setting of ours does."""

PREFIX = "PIOCHE_"
CONFIG_FILE = "PIOCHE_CONFIG"


def _setting(default: Any, sentence: str, *, choices: tuple[str, ...] = (), is_secret: bool = False) -> Any:
    """`is_secret`: the value is not in the `repr`, nor in any message or log."""
    metadata = {"sentence": sentence, "choices": choices}
    if isinstance(default, tuple):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata, repr=not is_secret)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every setting of the hub. The field order is the order of the documentation."""

    data_dir: Path = _setting(Path("data"), "Folder that holds everything: database, git objects, files, caches.")
    host: str = _setting("127.0.0.1", "Address to listen on; 0.0.0.0 for every interface.")
    port: int = _setting(8000, "Port to listen on; 0 takes a free one.")
    ssh_port: int = _setting(0, "Port for git over SSH, such as 2222; 0: it is not offered. See docs/guide/ssh.md.")
    ssh_address: str = _setting(
        "",
        "Where clients reach that port, such as git.example.org or git.example.org:22, where it is not at ssh_port of the host "
        "in public_url.",
    )
    ssh_connections: int = _setting(512, "Most connections over SSH at the same time.")
    grpc_port: int = _setting(
        0,
        "Port for asking models by gRPC, such as 8001; 0: it is not offered. Needs the extra grpc. See docs/guide/inference.md.",
    )
    grpc_idle_seconds: int = _setting(
        300, "Seconds that a call by gRPC may go on without a request: a stream that waits for its next one ends then."
    )
    grpc_calls_each: int = _setting(
        128,
        "Most calls by gRPC that one address may have open: more where all clients come from one, such as a balancer's.",
    )
    workers: int = _setting(0, "Number of web processes; 0 means one per core, four at most.")
    public_url: str = _setting(
        "", "Address that clients use, such as https://hub.example.org; empty means the Host header of each request."
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (), "Host names accepted without public_url, beside loopback and this machine's own names and addresses."
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (), "Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto headers count."
    )
    accel: str = _setting(
        "",
        "Internal location by which nginx sends whole files of data_dir itself, such as /_pioche; empty: the hub sends them.",
    )
    outbound_allowed: tuple[str, ...] = _setting(
        (),
        "Networks, addresses and host names inside that webhooks and imports may call, such as 192.168.0.0/16, 10.1.2.3:8080 or "
        "ci.lan; empty: public addresses only. See docs/guide/webhooks.md and docs/guide/importing.md.",
    )
    tls_cert: str = _setting("", "Certificate file (PEM) to serve https without a proxy; needs tls_key.")
    tls_key: str = _setting("", "Private key file (PEM) of tls_cert.")
    database_url: str = _setting("", "postgresql://... for PostgreSQL; empty means SQLite in data_dir.")
    storage_url: str = _setting(
        "",
        "Where large files are kept: s3://bucket/prefix (or gs://, az://); empty means data_dir. See docs/guide/object-store.md.",
    )
    storage_endpoint: str = _setting(
        "", "Address of an S3-compatible store, such as https://s3.example.org:9000; empty means the provider's own."
    )
    storage_public_endpoint: str = _setting(
        "", "The store's address for clients, where it differs from storage_endpoint."
    )
    storage_region: str = _setting("us-east-1", "Region of the bucket.")
    storage_access_key: str = _setting(
        "",
        "Access key id (Azure: account name) for the store; empty means what the machine's role or environment gives.",
    )
    storage_secret_key: str = _setting(
        "", "Secret key that belongs to storage_access_key; never logged.", is_secret=True
    )
    storage_path_style: str = _setting(
        "on",
        "Whether the bucket stands in the path of addresses (on) or in front of the host name (off).",
        choices=_ON_OFF,
    )
    storage_allow_http: str = _setting(
        "off", "Whether the store may be spoken to over plain http: only where nobody listens in.", choices=_ON_OFF
    )
    storage_timeout_seconds: int = _setting(
        30, "How long the store may be silent before a request to it is given up and tried again."
    )
    storage_redirects: str = _setting(
        "on",
        "Whether downloads of large files are sent to the store by signed addresses, or come through the hub.",
        choices=_ON_OFF,
    )
    storage_direct_uploads: str = _setting(
        "off", "Whether clients upload straight to the store by signed addresses, or through the hub.", choices=_ON_OFF
    )
    cache_bytes_max: int = _setting(
        20 * 2**30,
        "Most bytes that files kept as chunks may take once more, put together, in data_dir/cache/files; 0 keeps none there.",
    )
    render_workers: int = _setting(
        2,
        "Number of processes, for each web process, in which what users wrote is turned into pages, and as many again in which "
        "their files are looked into; at least 1.",
    )
    render_cache_bytes_max: int = _setting(
        512 * 2**20,
        "Most bytes of rendered cards, code and notebooks to keep in data_dir/cache/render; 0 keeps none there.",
    )
    rate_limits: str = _setting(
        "off",
        "Whether requests are counted, by account or by address, and refused with 429 past the numbers below: for hubs that "
        "strangers can reach.",
        choices=_ON_OFF,
    )
    rate_seconds: int = _setting(300, "How long a window is in which requests are counted.")
    rate_api: int = _setting(1000, "Requests of an account to the API in a window.")
    rate_api_anonymous: int = _setting(500, "The same, of an address whose requests name no account.")
    rate_resolvers: int = _setting(5000, "Requests of an account for files and over git in a window.")
    rate_resolvers_anonymous: int = _setting(3000, "The same, of an address.")
    rate_pages: int = _setting(400, "Requests of an account for pages in a window.")
    rate_pages_anonymous: int = _setting(200, "The same, of an address.")
    sign_up: str = _setting(
        "closed",
        "Who may create an account on the page /join: nobody (closed; an administrator creates them), those with a link from "
        "`pioche user invite` (invite), or anybody (open).",
        choices=("closed", "invite", "open"),
    )
    terms_url: str = _setting(
        "",
        "Address of the terms that who makes an account on the page /join has to accept, such as https://example.org/terms; "
        "empty: there are none.",
    )
    oidc_issuer: str = _setting(
        "",
        "OpenID provider that people may sign in with, such as https://id.example.org/realms/all; empty: none. See "
        "docs/guide/sso.md.",
    )
    oidc_client_id: str = _setting("", "What this hub is called there; needs oidc_issuer.")
    oidc_client_secret: str = _setting("", "Secret that belongs to oidc_client_id; never logged.", is_secret=True)
    oidc_name: str = _setting("", "What the button on the sign-in page calls the provider; empty: its host name.")
    oidc_scopes: tuple[str, ...] = _setting(
        ("openid", "profile", "email"), "What the provider is asked for; openid is one of them."
    )
    oidc_claims: tuple[str, ...] = _setting(
        (),
        "Which of the provider's claims tell the name of an account, the full name, the address and the groups, where they "
        "are called otherwise than name=preferred_username, fullname=name, email=email, groups=groups.",
    )
    oidc_sign_up: str = _setting(
        "off",
        "Whether who comes from the provider for the first time is given an account; off: they link one that they have, in "
        "its settings.",
        choices=_ON_OFF,
    )
    oidc_domains: tuple[str, ...] = _setting(
        (), "Domains of verified addresses, such as example.org, of those who may come in by the provider; empty: any."
    )
    oidc_groups: tuple[str, ...] = _setting(
        (), "Groups at the provider whose members may come in by it, of which one is enough; empty: any."
    )
    publisher_token_minutes: int = _setting(
        15,
        "How long the token is good for that a job of a trusted publisher is given; at most 60. See docs/guide/tokens.md.",
    )
    mail_host: str = _setting(
        "",
        "SMTP server that takes the hub's mail, such as smtp.example.org; empty: the hub sends none. See docs/guide/mail.md.",
    )
    mail_port: int = _setting(0, "Its port; 0 is 587, or 465 where mail_tls is on, or 25 where it is off.")
    mail_tls: str = _setting(
        "starttls",
        "How the connection to it is encrypted: from the first byte (on), after a plain greeting (starttls; a server that does "
        "not offer it is sent nothing), or not at all (off).",
        choices=("starttls", "on", "off"),
    )
    mail_user: str = _setting("", "Who the hub is there; empty: it does not sign in.")
    mail_password: str = _setting("", "Password that belongs to mail_user; never logged.", is_secret=True)
    mail_from: str = _setting("", "Address that mail comes from, such as hub@example.org; needed with mail_host.")
    mail_language: str = _setting(
        "en", "Language of mail to people who chose none in their settings.", choices=("en", "fr")
    )
    mail_timeout_seconds: int = _setting(30, "How long the server may be silent before sending is tried again later.")
    org_creation: str = _setting(
        "everyone",
        "Who may make an organization on the page /organizations/new: any user (everyone), or this hub's administrators "
        "(admins).",
        choices=("everyone", "admins"),
    )
    search_socket: str = _setting(
        "", "Unix socket of this node's index process; `pioche serve` chooses it. Empty: the database answers searches."
    )
    sandbox: str = _setting(
        "limits",
        "Least level of sandbox that processes for models and Spaces may run in: with limits, filters or namespaces alone, or in "
        "full; a hub on a machine that has less does not start. Code of strangers needs namespaces in any case. See "
        "docs/guide/sandboxes.md.",
        choices=("limits", "filters", "namespaces", "full"),
    )
    inference: str = _setting(
        "on",
        "Who may ask models to answer: everybody who may read their files (on), those of them who are signed in or send a token "
        "(signed-in), or nobody (off). See docs/guide/inference.md.",
        choices=("on", "signed-in", "off"),
    )
    inference_code: str = _setting(
        "off",
        "Whether code that came with a model runs: its handler.py, remote code, pickled weights; where an owner of the repo "
        "allowed it, and only in a sandbox of level namespaces or better. See docs/guide/inference.md.",
        choices=_ON_OFF,
    )
    inference_code_seconds: int = _setting(
        300, "How long such code may take for one answer before its process is ended."
    )
    inference_export: str = _setting(
        "on",
        "Whether encoders that have safetensors alone are exported to ONNX after their first request, in the background. Needs the "
        "extra export. See docs/guide/inference.md.",
        choices=_ON_OFF,
    )
    inference_memory_bytes: int = _setting(
        0, "Most memory that models may take together on this machine; 0 is half of what it has."
    )
    inference_threads: int = _setting(0, "Processor cores for each model; 0 is half of those there are.")
    inference_idle_seconds: int = _setting(900, "How long a model stays in memory that nobody asks.")
    inference_wait_seconds: int = _setting(
        60, "How long a request waits while its model is started, before it is answered 503."
    )
    inference_body_bytes_max: int = _setting(20 * 2**20, "Largest body of a request to a model.")
    inference_cache_bytes_max: int = _setting(
        50 * 2**30, "Most bytes of files of models to keep ready in data_dir/cache/inference; most are links."
    )
    inference_backend: str = _setting(
        "local",
        "Where models run: on this machine (local), or on a Ray cluster (ray, with the extra ray). See docs/guide/ray.md.",
        choices=("local", "ray"),
    )
    ray_address: str = _setting(
        "",
        "The Ray cluster that models run on, such as auto or 10.0.0.7:6379. Empty: one of this hub's own, on this machine.",
    )
    ray_url: str = _setting("http://127.0.0.1:8123", "Where Ray Serve answers: http, a host and a port.")
    inference_external: str = _setting(
        "off",
        "Whether whoever may change an endpoint may have a server outside of this hub answer for a deployment of it, by its "
        "address (on, off). Addresses inside have to be in outbound_allowed. See docs/guide/endpoints.md.",
        choices=("on", "off"),
    )
    inference_external_seconds: int = _setting(
        120, "How long a server outside may take until it begins to answer, and stand still in the middle of an answer."
    )
    inference_socket: str = _setting(
        "", "Unix socket of this node's controller of inference; `pioche serve` chooses it. Empty: no model is started."
    )
    spaces_port: int = _setting(
        0,
        "Port that apps of Spaces are reached on, such as 8002: another origin than the hub's own. 0: no app runs. They are code "
        "of strangers, and need a sandbox of level namespaces. See docs/guide/spaces.md.",
    )
    spaces_url: str = _setting(
        "",
        "Address that browsers reach that port by, such as https://*.spaces.example.org: the star is the app's own name. Best on "
        "another domain than public_url.",
    )
    spaces_hardware: tuple[str, ...] = _setting(
        (),
        "What an app or a job may ask for, as NAME=CORESxMIB: cpu-basic=2x2048MiB; the first is for who asks for none. Empty: one "
        "of two cores and 2 GiB.",
    )
    spaces_sleep_seconds: int = _setting(
        3600, "How long an app runs that nobody asks, where its authors say nothing; 0 is for ever."
    )
    spaces_files_bytes_max: int = _setting(
        20 * 2**30, "Most bytes of files of Spaces to keep ready in data_dir/cache/spaces; most are links."
    )
    spaces_socket: str = _setting(
        "", "Unix socket of this node's controller of apps; `pioche serve` chooses it. Empty: no app runs."
    )
    spaces_index_url: str = _setting(
        "",
        "Package index that the requirements of Spaces come from, such as https://user:password@pypi.lan/simple; empty: the one "
        "that pip or uv of this machine is configured with. See docs/guide/builds.md.",
        is_secret=True,
    )
    spaces_npm_url: str = _setting(
        "",
        "Registry of npm for pages that are built (`app_build_command`), such as https://user:password@npm.lan/; empty: the one "
        "that npm of this machine is configured with.",
        is_secret=True,
    )
    spaces_requirements_allowed: tuple[str, ...] = _setting(
        (),
        "How addresses begin that requirements of Spaces may name, beside the package index: other indexes, pages of files and "
        "wheels, such as https://wheels.lan/cpu. Whatever lies below is fetched.",
    )
    spaces_pythons: tuple[str, ...] = _setting(
        (),
        "Interpreters for Spaces beside those on the machine's path: programs, or folders of them or of installations, such as "
        "/opt/pythons.",
    )
    spaces_build_seconds: int = _setting(1800, "How long building the environment of a Space may take.")
    spaces_build_memory_bytes: int = _setting(4 * 2**30, "Memory that building may take.")
    spaces_build_bytes_max: int = _setting(16 * 2**30, "Disk that building may take; downloads are at most half of it.")
    spaces_environments_bytes_max: int = _setting(
        40 * 2**30,
        "Space for environments of Spaces; those used last longest ago go first, and are built again when asked for.",
    )
    session_hours: int = _setting(12, "How long somebody stays signed in in a browser.")
    session_remembered_days: int = _setting(30, "The same for those who asked to stay signed in.")
    log_level: str = _setting("info", "How much is logged.", choices=("debug", "info", "warning", "error"))
    log_format: str = _setting("json", "One JSON object a line, or text for people.", choices=("json", "text"))
    xet_dedup_scope: str = _setting(
        "namespace",
        "Which repos a deduplication answer may come from, among those the caller may read.",
        choices=("repo", "namespace", "public"),
    )
    backslash_names: str = _setting(
        "refuse",
        "Whether file names with a backslash are refused, or kept as on the public Hub (on Windows they can climb out).",
        choices=("refuse", "keep"),
    )
    regular_file_bytes_max: int = _setting(10 * 2**20, "Largest file kept in git itself; larger ones go to LFS or Xet.")
    lfs_file_bytes_max: int = _setting(5 * 2**40, "Largest LFS or Xet file.")
    lfs_part_bytes: int = _setting(
        64 * 2**20, "Part size of a multipart LFS upload; files up to this size go in one part."
    )
    convert_idle_seconds: int = _setting(
        3600,
        "How long a large file kept whole lies before it is looked at and kept as chunks where that saves 5 %; 0 keeps it "
        "whole. (Needs the extra `convert`.)",
    )
    storage_max_user: int = _setting(
        0,
        "Most bytes that the repos of one user may hold together; 0 is no limit. `pioche quota set` gives one account or repo "
        "a limit of its own.",
    )
    storage_max_org: int = _setting(0, "The same, for each organisation.")
    storage_max_repo: int = _setting(0, "Most bytes that any one repo may hold; 0 is no limit.")
    disk_reserve_bytes: int = _setting(
        256 * 2**20,
        "Free space that uploads leave on the disk of data_dir, at most a twentieth of it: the database needs it.",
    )
    commit_bytes_max: int = _setting(2**30, "Largest body of one commit call.")
    commit_operations_max: int = _setting(25_000, "Most operations in one commit call.")
    push_bytes_max: int = _setting(2 * 2**30, "Largest pack of one git push.")
    json_bytes_max: int = _setting(2**20, "Largest body of an ordinary JSON request.")
    upload_url_seconds: int = _setting(86_400, "Life of a signed upload address.")
    download_url_seconds: int = _setting(900, "Life of a signed download address.")
    xet_token_seconds: int = _setting(3600, "Life of a Xet token.")
    undo_repo_hours: int = _setting(
        24, "How long a deleted repo can be restored; after that, the space that it alone took is freed."
    )
    undo_ref_days: int = _setting(7, "How long a deleted or force-pushed branch or tag can be put back.")
    gc_grace_hours: int = _setting(
        24, "How long what nothing leads to (yet) is kept after it was uploaded, and once more after it was taken away."
    )
    gc_seconds: int = _setting(3600, "How often what nobody needs any more is collected; 0 leaves it to `pioche gc`.")
    audit_days: int = _setting(
        730, "How long the log of who changed what is kept; 0 keeps all of it. See docs/guide/moderation.md."
    )
    scrub_days: int = _setting(30, "How often everything stored is read and its hashes computed again; 0 is never.")
    scrub_bytes_per_second: int = _setting(
        32 * 2**20, "How fast that is done at most, so that it gets into nobody's way; 0 is never."
    )
    header_seconds: int = _setting(30, "How long a client may take to send the headers of a request.")
    body_stall_seconds: int = _setting(
        20, "How long the body of a request may stand still: 16 KiB must arrive in that time."
    )
    otlp_endpoint: str = _setting(
        "",
        "Where to send traces by OpenTelemetry's protocol over HTTP, such as http://collector.lan:4318; empty: nowhere, unless the "
        "usual variable OTEL_EXPORTER_OTLP_ENDPOINT says where. See docs/guide/operations.md.",
    )
    otlp_headers: str = _setting(
        "",
        "Headers for it, such as authorization=Bearer%20x,x-team=ml; or OTEL_EXPORTER_OTLP_HEADERS.",
        is_secret=True,
    )
    otlp_percent: int = _setting(
        100, "How many of 100 requests are traced; one that comes with a traceparent says so itself."
    )
    drain_seconds: int = _setting(30, "How long requests in flight may take to finish after SIGTERM.")

    def __post_init__(self) -> None:
        _check(self)

    @property
    def database_is_sqlite(self) -> bool:
        return not self.database_url

    @property
    def sends_mail(self) -> bool:
        return bool(self.mail_host)

    @property
    def serves_models(self) -> bool:
        return self.inference != "off"

    @property
    def runs_code(self) -> bool:
        return self.inference_code == "on"

    @property
    def inference_cores(self) -> int:
        return self.inference_threads or max(1, len(os.sched_getaffinity(0)) // 2)

    @property
    def inference_memory(self) -> int:
        return self.inference_memory_bytes or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2

    @property
    def worker_count(self) -> int:
        return self.workers or min(4, os.cpu_count() or 1)


def settings() -> list[Field[Any]]:
    """The settings in order, for documentation; `.metadata` has `sentence` and `choices`."""
    return list(fields(Config))


def environment_name(key: str) -> str:
    return PREFIX + key.upper()


def load(options: Mapping[str, Any] | None = None, *, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration from file, environment and options (None values are left out). Raises ConfigError."""
    environ = os.environ if environ is None else environ
    known = {f.name: f for f in fields(Config)}
    values: dict[str, Any] = {}
    for key, value in _from_file(environ).items():
        values[key] = _convert(_known(key, key, known), key, value)
    for variable, key in _STANDARD.items():
        if environ.get(variable):
            values.setdefault(key, _convert(known[key], variable, environ[variable]))
    for variable, text in environ.items():
        if variable.startswith(PREFIX) and variable != CONFIG_FILE:
            key = variable.removeprefix(PREFIX).lower()
            values[key] = _convert(_known(key, variable, known), variable, text)
    for key, value in (options or {}).items():
        if value is not None:
            shown = "--" + key.replace("_", "-")
            values[key] = _convert(_known(key, shown, known), shown, value)
    return Config(**values)


def keep_figures_in(folder: Path) -> None:
    """Has Prometheus's library, when it is imported, keep the figures of all processes in files there (`observe.metrics`)."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _known(key: str, shown: str, known: "Mapping[str, Field[Any]]") -> "Field[Any]":
    if key not in known:
        raise ConfigError(shown, "there is no such setting (see docs/reference/settings.md)")
    return known[key]


def _from_file(environ: Mapping[str, str]) -> dict[str, Any]:
    named = environ.get(CONFIG_FILE)
    path = Path(named or "pioche.toml")
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        if not named:
            return {}
        raise ConfigError(CONFIG_FILE, f"cannot read {path}: {error.strerror}") from None
    except OSError as error:
        raise ConfigError(CONFIG_FILE, f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"not valid TOML: {error}") from None


def _convert(setting: "Field[Any]", shown: str, value: Any) -> Any:
    default = setting.default_factory() if callable(setting.default_factory) else setting.default
    if isinstance(default, Path):
        if not isinstance(value, str | Path) or not str(value).strip():
            raise ConfigError(shown, f"a folder is expected, not {value!r}")
        return Path(value)
    if isinstance(default, int):
        return _whole_number(shown, value)
    if isinstance(default, tuple):
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
            raise ConfigError(shown, f"a list of texts is expected, not {value!r}")
        return tuple(part.strip() for part in parts if part.strip())
    if not isinstance(value, str):
        raise ConfigError(shown, f"a text is expected, not {value!r}")
    choices = setting.metadata["choices"]
    if choices and value not in choices:
        raise ConfigError(shown, f"{value!r} is not one of {', '.join(choices)}")
    return value


def _whole_number(shown: str, value: Any) -> int:
    try:
        if isinstance(value, bool | float):
            raise ValueError
        number = int(value)
    except (TypeError, ValueError):
        raise ConfigError(shown, f"a whole number is expected, not {value!r}") from None
    if number < 0:
        raise ConfigError(shown, f"{number} is negative")
    return number


def _check(config: Config) -> None:
    """What one setting alone, or two together, can have wrong."""
    if config.port > 65535:
        raise ConfigError("port", f"{config.port} is not a port: 0 to 65535")
    if bool(config.tls_cert) != bool(config.tls_key):
        missing, given = ("tls_key", "tls_cert") if config.tls_cert else ("tls_cert", "tls_key")
        raise ConfigError(missing, f"needed together with {given}")
    for key in ("tls_cert", "tls_key"):
        path = getattr(config, key)
        if path and not os.access(path, os.R_OK):
            raise ConfigError(key, f"cannot read {path}")
    _check_addresses(config)
    _check_ssh(config)
    _check_grpc(config)
    _check_storage(config)
    _check_oidc(config)
    _check_mail(config)
    _check_traces(config)
    if not config.render_workers:
        raise ConfigError("render_workers", "at least 1 process is needed")
    for key in ("session_hours", "session_remembered_days"):
        if not 1 <= getattr(config, key) <= 10_000:
            raise ConfigError(key, "1 to 10000 is expected")
    for key in _RATES:
        if not 1 <= getattr(config, key) <= 10**9:
            raise ConfigError(key, "1 to 1000000000 is expected")


def _check_addresses(config: Config) -> None:
    if config.terms_url and not _TERMS_URL.match(config.terms_url):
        raise ConfigError("terms_url", f"{config.terms_url!r} is not of the form https://example.org/terms")
    if config.public_url and not _PUBLIC_URL.match(config.public_url):
        raise ConfigError("public_url", f"{config.public_url!r} is not of the form https://hub.example.org")
    if config.database_url and not _DATABASE_URL.match(config.database_url):
        # Without the value: it may hold a password.
        raise ConfigError(
            "database_url", "only postgresql://user:password@host:port/name is supported; empty for SQLite"
        )
    if config.accel and not _LOCATION.match(config.accel):
        raise ConfigError("accel", f"{config.accel!r} is not a location without a slash at its end, such as /_pioche")
    if config.accel and not config.trusted_proxies:
        raise ConfigError("accel", "needs trusted_proxies: the address from which nginx asks")
    for host in config.allowed_hosts:
        if not _HOST.match(host):
            raise ConfigError("allowed_hosts", f"{host!r} is not a host name or address, without scheme and port")
    _check_networks(config)


def _check_grpc(config: Config) -> None:
    taken = {port for port in (config.port, config.ssh_port) if port}
    if not 0 <= config.grpc_port <= 65535 or config.grpc_port in taken:
        raise ConfigError("grpc_port", f"{config.grpc_port} is not a port of its own: 1 to 65535, or 0 for none")
    for key in ("grpc_idle_seconds", "grpc_calls_each"):
        if not getattr(config, key):
            raise ConfigError(key, "at least 1 is needed")
    if config.grpc_port and not config.serves_models:
        raise ConfigError("grpc_port", "there are no models to ask: the setting inference is off")


def _check_ssh(config: Config) -> None:
    if config.ssh_port > 65535 or (config.ssh_port and config.ssh_port == config.port):
        raise ConfigError("ssh_port", f"{config.ssh_port} is not a port of its own: 1 to 65535, or 0 for none")
    if not 1 <= config.ssh_connections <= 100_000:
        raise ConfigError("ssh_connections", "1 to 100000 is expected")
    if config.ssh_address and not _SSH_ADDRESS.match(config.ssh_address):
        raise ConfigError(
            "ssh_address", f"{config.ssh_address!r} is not a host name, or one with a port: git.example.org:22"
        )


def _check_networks(config: Config) -> None:
    for proxy in config.trusted_proxies:
        try:
            ipaddress.ip_address(proxy)
        except ValueError:
            raise ConfigError("trusted_proxies", f"{proxy!r} is not an IP address") from None
    for entry in config.outbound_allowed:
        try:
            Allowed.parse(entry)
        except ValueError as error:
            raise ConfigError("outbound_allowed", str(error)) from None


def _check_storage(config: Config) -> None:
    """What can be seen without asking the store; `storage.blobs.remote.check` asks it."""
    if config.storage_url and not _STORAGE_URL.match(config.storage_url):
        raise ConfigError("storage_url", "s3://bucket/prefix, gs://bucket/prefix or az://container/prefix is expected")
    for key in ("storage_endpoint", "storage_public_endpoint"):
        value = getattr(config, key)
        if value and not _ENDPOINT.match(value):
            raise ConfigError(key, "an address without a path is expected, such as https://s3.example.org:9000")
    if bool(config.storage_access_key) != bool(config.storage_secret_key):
        missing = "storage_secret_key" if config.storage_access_key else "storage_access_key"
        raise ConfigError(missing, "the access key and the secret key are needed together")
    if config.storage_endpoint.startswith("http://") and config.storage_allow_http == "off":
        raise ConfigError("storage_endpoint", "plain http needs storage_allow_http = on")
    if not config.storage_timeout_seconds:
        raise ConfigError("storage_timeout_seconds", "at least 1 second is needed")


OIDC_CLAIMS = {"name": "preferred_username", "fullname": "name", "email": "email", "groups": "groups"}
"""What `oidc_claims` changes."""


def _check_oidc(config: Config) -> None:
    if bool(config.oidc_issuer) != bool(config.oidc_client_id):
        missing, given = ("oidc_client_id", "oidc_issuer") if config.oidc_issuer else ("oidc_issuer", "oidc_client_id")
        raise ConfigError(missing, f"needed together with {given}")
    if config.oidc_issuer and not config.oidc_issuer.startswith(("https://", "http://")):
        raise ConfigError("oidc_issuer", f"{config.oidc_issuer!r} does not begin with https://")
    if "openid" not in config.oidc_scopes:
        raise ConfigError("oidc_scopes", "openid has to be one of them")
    for entry in config.oidc_claims:
        name, _, claim = entry.partition("=")
        if name not in OIDC_CLAIMS or not claim:
            raise ConfigError("oidc_claims", f"{entry!r} is not of the form email=mail, of {', '.join(OIDC_CLAIMS)}")
    if not 1 <= config.publisher_token_minutes <= 60:
        raise ConfigError("publisher_token_minutes", "1 to 60 is expected")


_MAIL_NEEDS_HOST = ("mail_user", "mail_password", "mail_from")


def _check_mail(config: Config) -> None:
    """What can be seen without asking the server; `pioche doctor` asks it."""
    if config.mail_port > 65535:
        raise ConfigError("mail_port", f"{config.mail_port} is not a port: 0 to 65535")
    if not config.mail_timeout_seconds:
        raise ConfigError("mail_timeout_seconds", "at least 1 second is needed")
    given = next((key for key in _MAIL_NEEDS_HOST if getattr(config, key)), None)
    if config.mail_host:
        _check_mail_server(config)
    elif given is not None:
        raise ConfigError("mail_host", f"needed together with {given}")


def _check_traces(config: Config) -> None:
    if config.otlp_endpoint and not _COLLECTOR.match(config.otlp_endpoint):
        raise ConfigError("otlp_endpoint", f"{config.otlp_endpoint!r} is not of the form http://collector.lan:4318")
    if config.otlp_percent > 100:
        raise ConfigError("otlp_percent", "0 to 100 is expected")


def _check_mail_server(config: Config) -> None:
    if not _HOST.match(config.mail_host):
        raise ConfigError("mail_host", f"{config.mail_host!r} is not a host name or address, without scheme and port")
    if not config.mail_from or not _MAIL_FROM.match(config.mail_from):
        raise ConfigError("mail_from", f"{config.mail_from!r} is not an address, such as hub@example.org")
    if (
        not config.public_url
    ):  # never from a request: whoever sends it would choose where links in other people's mail lead
        raise ConfigError("public_url", "needed together with mail_host: links in mail begin with it")
    if bool(config.mail_user) != bool(config.mail_password):
        missing, given = ("mail_password", "mail_user") if config.mail_user else ("mail_user", "mail_password")
        raise ConfigError(missing, f"needed together with {given}")
    if config.mail_password and config.mail_tls == "off" and config.mail_host not in _LOOPBACK:
        raise ConfigError("mail_tls", "a password is not sent unencrypted: use starttls or on")


def prepare_data_dir(config: Config) -> None:
    """Creates the data folder and its parts. Raises ConfigError when it cannot be written."""
    try:
        config.data_dir.mkdir(parents=True, exist_ok=True)
        for part in ("git", "blobs", "xet/xorbs", "xet/shards", "incoming", "cache", "logs"):
            (config.data_dir / part).mkdir(parents=True, exist_ok=True)
        probe = config.data_dir / "incoming" / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ConfigError("data_dir", f"{config.data_dir} cannot be written: {_reason(error)}") from None
    database = config.data_dir / "pioche.db"
    if config.database_is_sqlite and database.exists() and not (database.is_file() and os.access(database, os.W_OK)):
        raise ConfigError("data_dir", f"{database} cannot be written: it must be a file of this user's")


def prepare_ray(folder: Path) -> None:
    """Ray reads these when it is imported, and what it starts inherits them. What the operator set stays.

    HAProxy in place of Serve's own proxy, which costs each request six times as much; its files in `folder`, where no other Ray
    of this machine has them; nothing is told to Ray's makers.
    """
    ours = {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    for name, value in ours.items():
        os.environ.setdefault(name, value)


def _reason(error: OSError) -> str:
    """Names the file where that is not the folder itself."""
    return f"{error.strerror} ({Path(error.filename).name})" if error.filename else str(error.strerror)
