"""J5: a mistake in the configuration refuses to start and names the key."""

from pathlib import Path
from typing import Any

import pytest

from pioche import app
from pioche.config import Config, load, prepare_data_dir
from pioche.errors import ConfigError


def toml(folder: Path, text: str) -> dict[str, str]:
    (folder / "pioche.toml").write_text(text)
    return {"PIOCHE_CONFIG": str(folder / "pioche.toml")}


def test_where_traces_go_may_stand_in_the_usual_variables(tmp_path: Path) -> None:
    usual = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a.lan:4318", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=x"}
    config = load(environ=usual)
    assert (config.otlp_endpoint, config.otlp_headers) == ("http://a.lan:4318", "authorization=x")
    assert "authorization" not in repr(config)
    assert load(environ={**usual, "PIOCHE_OTLP_ENDPOINT": "https://b.lan/otlp"}).otlp_endpoint == "https://b.lan/otlp"
    assert load(environ={**usual, **toml(tmp_path, 'otlp_endpoint = "http://c.lan"')}).otlp_endpoint == "http://c.lan"
    for setting, value in (("OTLP_ENDPOINT", "collector:4317"), ("OTLP_PERCENT", "101")):
        with pytest.raises(ConfigError, match=setting.lower()):
            load(environ={f"PIOCHE_{setting}": value})


def test_the_later_of_file_environment_and_options_wins(tmp_path: Path) -> None:
    environ = toml(tmp_path, 'port = 1\nworkers = 2\nhost = "0.0.0.0"\nallowed_hosts = ["a.lan", "b.lan"]\n')
    config = load({"workers": 4, "host": None}, environ={**environ, "PIOCHE_PORT": "7", "PIOCHE_WORKERS": "3"})
    assert (config.port, config.workers, config.host) == (7, 4, "0.0.0.0")
    assert config.allowed_hosts == ("a.lan", "b.lan")
    assert load(environ={"PIOCHE_ALLOWED_HOSTS": " a.lan, b.lan,"}).allowed_hosts == ("a.lan", "b.lan")


def test_a_secret_is_in_no_message_of_a_configuration() -> None:
    config = Config(storage_access_key="key", storage_secret_key="s3cr3t")
    assert "s3cr3t" not in repr(config)


def test_mail_is_off_until_a_server_is_named() -> None:
    assert not load(environ={}).sends_mail
    config = load(environ={**_MAIL, "PIOCHE_MAIL_USER": "hub", "PIOCHE_MAIL_PASSWORD": "s3cr3t"})
    assert config.sends_mail
    assert "s3cr3t" not in repr(config)


def test_what_is_not_ours_is_not_looked_at() -> None:
    assert load(environ={"HOME": "/", "pioche_port": "x", "XPIOCHE_PORT": "x"}).port == 8000


_MAIL = {
    "PIOCHE_MAIL_HOST": "smtp.x.example",
    "PIOCHE_MAIL_FROM": "hub@x.example",
    "PIOCHE_PUBLIC_URL": "https://hub.x.example",
}
MISTAKES: list[tuple[dict[str, str], str]] = [
    ({"PIOCHE_PROT": "8000"}, "PIOCHE_PROT"),
    ({"PIOCHE_MAIL_USER": "hub"}, "mail_host"),
    ({"PIOCHE_MAIL_HOST": "smtp://x"}, "mail_host"),
    ({**_MAIL, "PIOCHE_MAIL_FROM": ""}, "mail_from"),
    ({**_MAIL, "PIOCHE_MAIL_FROM": "Hub <hub@x.example>"}, "mail_from"),
    ({**_MAIL, "PIOCHE_PUBLIC_URL": ""}, "public_url"),
    ({**_MAIL, "PIOCHE_MAIL_TLS": "yes"}, "PIOCHE_MAIL_TLS"),
    ({**_MAIL, "PIOCHE_MAIL_PORT": "70000"}, "mail_port"),
    ({**_MAIL, "PIOCHE_MAIL_USER": "hub"}, "mail_password"),
    ({**_MAIL, "PIOCHE_MAIL_PASSWORD": "x"}, "mail_user"),
    ({**_MAIL, "PIOCHE_MAIL_USER": "hub", "PIOCHE_MAIL_PASSWORD": "x", "PIOCHE_MAIL_TLS": "off"}, "mail_tls"),
    ({"PIOCHE_MAIL_TIMEOUT_SECONDS": "0"}, "mail_timeout_seconds"),
    ({"PIOCHE_PORT": ""}, "PIOCHE_PORT"),
    ({"PIOCHE_PORT": "http"}, "PIOCHE_PORT"),
    ({"PIOCHE_PORT": "-1"}, "PIOCHE_PORT"),
    ({"PIOCHE_PORT": "65536"}, "port"),
    ({"PIOCHE_PORT": "8000.5"}, "PIOCHE_PORT"),
    ({"PIOCHE_WORKERS": "many"}, "PIOCHE_WORKERS"),
    ({"PIOCHE_DATA_DIR": ""}, "PIOCHE_DATA_DIR"),
    ({"PIOCHE_LOG_LEVEL": "verbose"}, "PIOCHE_LOG_LEVEL"),
    ({"PIOCHE_LOG_FORMAT": "xml"}, "PIOCHE_LOG_FORMAT"),
    ({"PIOCHE_RATE_API": "0"}, "rate_api"),
    ({"PIOCHE_RATE_LIMITS": "maybe"}, "PIOCHE_RATE_LIMITS"),
    ({"PIOCHE_XET_DEDUP_SCOPE": "all"}, "PIOCHE_XET_DEDUP_SCOPE"),
    ({"PIOCHE_SIGN_UP": "anybody"}, "PIOCHE_SIGN_UP"),
    ({"PIOCHE_PUBLIC_URL": "hub.example.org"}, "public_url"),
    ({"PIOCHE_PUBLIC_URL": "https://hub.example.org/hub"}, "public_url"),
    ({"PIOCHE_PUBLIC_URL": "https://hub.example.org?x"}, "public_url"),
    ({"PIOCHE_PUBLIC_URL": "https://user@hub.example.org"}, "public_url"),
    ({"PIOCHE_PUBLIC_URL": "https://[::1"}, "public_url"),
    ({"PIOCHE_PUBLIC_URL": "https://hub:port"}, "public_url"),
    ({"PIOCHE_PUBLIC_URL": "ftp://hub"}, "public_url"),
    ({"PIOCHE_DATABASE_URL": "mysql://x"}, "database_url"),
    ({"PIOCHE_DATABASE_URL": "postgresql://host:port/x"}, "database_url"),
    ({"PIOCHE_STORAGE_URL": "bucket"}, "storage_url"),
    ({"PIOCHE_STORAGE_URL": "ftp://bucket"}, "storage_url"),
    ({"PIOCHE_STORAGE_URL": "s3://key:secret@bucket"}, "storage_url"),
    ({"PIOCHE_STORAGE_ENDPOINT": "store:9000"}, "storage_endpoint"),
    ({"PIOCHE_STORAGE_ENDPOINT": "http://store:9000"}, "storage_endpoint"),
    ({"PIOCHE_STORAGE_PUBLIC_ENDPOINT": "https://store/path"}, "storage_public_endpoint"),
    ({"PIOCHE_STORAGE_ACCESS_KEY": "x"}, "storage_secret_key"),
    ({"PIOCHE_STORAGE_SECRET_KEY": "x"}, "storage_access_key"),
    ({"PIOCHE_STORAGE_TIMEOUT_SECONDS": "0"}, "storage_timeout_seconds"),
    ({"PIOCHE_STORAGE_PATH_STYLE": "yes"}, "PIOCHE_STORAGE_PATH_STYLE"),
    ({"PIOCHE_TLS_CERT": "/x.pem"}, "tls_key"),
    ({"PIOCHE_TLS_KEY": "/x.pem"}, "tls_cert"),
    ({"PIOCHE_TLS_CERT": "/absent.pem", "PIOCHE_TLS_KEY": "/absent.pem"}, "tls_cert"),
    ({"PIOCHE_ACCEL": "/_pioche"}, "accel"),
    ({"PIOCHE_ACCEL": "_pioche/", "PIOCHE_TRUSTED_PROXIES": "127.0.0.1"}, "accel"),
    ({"PIOCHE_ALLOWED_HOSTS": "http://hub.lan"}, "allowed_hosts"),
    ({"PIOCHE_ALLOWED_HOSTS": "hub.lan:8000"}, "allowed_hosts"),
    ({"PIOCHE_TRUSTED_PROXIES": "proxy.lan"}, "trusted_proxies"),
    ({"PIOCHE_OUTBOUND_ALLOWED": "10.0.0.0/8,http://ci.lan/"}, "outbound_allowed"),
    ({"PIOCHE_OUTBOUND_ALLOWED": "10.0.0.1/8"}, "outbound_allowed"),
    ({"PIOCHE_SANDBOX": "strong"}, "PIOCHE_SANDBOX"),
    ({"PIOCHE_CONFIG": "/absent/pioche.toml"}, "PIOCHE_CONFIG"),
]


@pytest.mark.parametrize(("environ", "key"), MISTAKES, ids=lambda value: str(value)[:50])
def test_j5_a_mistake_in_the_environment_names_the_key(environ: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ=environ)
    assert caught.value.key == key
    assert str(caught.value).startswith(f"{key}: ")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("prot = 8000", "prot"),
        ('port = "http"', "port"),
        ("port = 8000.5", "port"),
        ("port = true", "port"),
        ("port = [8000]", "port"),
        ("host = 1", "host"),
        ("data_dir = 1", "data_dir"),
        ("data_dir = ''", "data_dir"),
        ("allowed_hosts = 1", "allowed_hosts"),
        ("allowed_hosts = [1]", "allowed_hosts"),
        ("log_level = 'loud'", "log_level"),
        ("[storage]\nurl = 'x'", "storage"),
    ],
)
def test_j5_a_mistake_in_the_file_names_the_key(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ=toml(tmp_path, text))
    assert caught.value.key == key


@pytest.mark.parametrize("text", ["[storage]\nx = 1\n[storage]\ny = 1", "port 8000", "port = 1\nport = 2"])
def test_j5_a_file_that_is_no_toml_is_named(tmp_path: Path, text: str) -> None:
    environ = toml(tmp_path, text)
    with pytest.raises(ConfigError, match=r"pioche\.toml: not valid TOML"):
        load(environ=environ)
    (tmp_path / "pioche.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"pioche\.toml"):
        load(environ=environ)


@pytest.mark.parametrize(
    ("options", "key"), [({"prot": 1}, "--prot"), ({"port": "x"}, "--port"), ({"data_dir": 1}, "--data-dir")]
)
def test_j5_a_mistake_in_an_option_names_it(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(options, environ={})
    assert caught.value.key == key


def test_j5_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nothing")):
        with pytest.raises(ConfigError) as caught:
            prepare_data_dir(Config(data_dir=folder))
        assert caught.value.key == "data_dir"
        assert str(folder) in str(caught.value)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ={"PIOCHE_DATABASE_URL": "postgresql://u:hunter2@host:port/x"})
    assert "hunter2" not in str(caught.value)


def test_addresses_that_are_right(tmp_path: Path) -> None:
    for url in ("https://hub.example.org", "http://localhost:8000/", "http://[::1]:8000"):
        assert load(environ={"PIOCHE_PUBLIC_URL": url}).public_url == url
    for url in (
        "postgresql://u:p@host:5432/db",
        "postgres:///db",
        "postgresql://u@/db?host=/run/x",
        "postgresql://[::1]/db",
    ):
        assert not load(environ={"PIOCHE_DATABASE_URL": url}).database_is_sqlite


@pytest.mark.parametrize(
    "settings",
    [
        {"grpc_port": 70000},
        {"grpc_port": 8000},
        {"grpc_port": 2222, "ssh_port": 2222},
        {"grpc_port": 8001, "inference": "off"},
    ],
)
def test_the_port_for_grpc_is_one_of_its_own_and_for_models(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(settings, environ={})
    assert caught.value.key == "grpc_port"


def test_grpc_needs_its_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(app, "missing_for_grpc", lambda: ["grpc_health"])
    with pytest.raises(ConfigError, match=r"grpc_port: this needs grpc_health: pip install 'pioche\[grpc\]'"):
        app.prepare_start(load({"data_dir": tmp_path, "grpc_port": 8001}, environ={}))
