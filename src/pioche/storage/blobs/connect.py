"""From settings to a store, and the look at it before anything starts (J5): a mistake names the setting to mend."""

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from pioche.config import Config
from pioche.errors import ConfigError
from pioche.storage.blobs.remote import PAUSES, RemoteBlobs, S3Blobs
from pioche.storage.blobs.signing import Signer

# With the pauses of `remote`, a store that is away for half a minute (a gateway that restarts) is waited for.
_RETRY_SECONDS = 20
_ATTEMPTS = 6
# What the stores say, and which setting it is about. The first that fits counts.
_MISTAKES = (
    ("InvalidAccessKeyId", "storage_access_key", "the store does not know this access key"),
    ("SignatureDoesNotMatch", "storage_secret_key", "the store refuses this secret key"),
    ("NoSuchBucket", "storage_url", "the store has no such bucket"),
    ("AuthorizationHeaderMalformed", "storage_region", "the bucket is in another region"),
    ("PermanentRedirect", "storage_region", "the bucket is in another region"),
    ("AccessDenied", "storage_access_key", "this key may not list, read, write and delete in the bucket"),
    ("403 Forbidden", "storage_access_key", "the store refuses this access key"),
    ("404 Not Found", "storage_url", "the store has no such bucket"),
    ("error sending request", "storage_endpoint", "the store cannot be reached"),
)


def open_store(config: Config, *, attempts: int = _ATTEMPTS, pauses: tuple[float, ...] = PAUSES) -> RemoteBlobs:
    """The store that `storage_url` names. Asks it nothing yet."""
    parts = urlsplit(config.storage_url)
    bucket, prefix = parts.netloc, parts.path.strip("/")
    client, retry = _client(config), _retry(attempts)
    if parts.scheme == "gs":
        google = GCSStore(bucket, prefix=prefix or None, client_options=client, retry_config=retry)
        return RemoteBlobs(google, pauses=pauses)
    if parts.scheme == "az":
        given = {"account_name": config.storage_access_key, "account_key": config.storage_secret_key}
        given["endpoint"] = config.storage_endpoint
        known: Any = {key: value for key, value in given.items() if value}
        azure = AzureStore(bucket, prefix=prefix or None, config=known, client_options=client, retry_config=retry)
        return RemoteBlobs(azure, pauses=pauses)
    store, signer = _s3(config, bucket, prefix, client_options=client, retry_config=retry)
    return S3Blobs(store, signer, prefix, pauses=pauses) if signer else RemoteBlobs(store, pauses=pauses)


def _s3(config: Config, bucket: str, prefix: str, **how: Any) -> tuple[S3Store, Signer | None]:
    """The store, and who signs for it where its keys are ours."""
    endpoint = (config.storage_endpoint or f"https://s3.{config.storage_region}.amazonaws.com").rstrip("/")
    path_style = config.storage_path_style == "on"
    options: Any = {"region": config.storage_region, "endpoint": endpoint if path_style else _with(bucket, endpoint)}
    options["virtual_hosted_style_request"] = not path_style
    key, secret = config.storage_access_key, config.storage_secret_key
    if key:
        options |= {"access_key_id": key, "secret_access_key": secret}
    store = S3Store(bucket, prefix=prefix or None, config=options, **how)
    public = (config.storage_public_endpoint or endpoint).rstrip("/")
    signer = Signer(public, bucket, config.storage_region, key, secret, path_style=path_style)
    return store, signer if key else None


def _with(bucket: str, endpoint: str) -> str:
    scheme, _, host = endpoint.partition("://")
    return f"{scheme}://{bucket}.{host}"


def _client(config: Config) -> Any:
    silent = timedelta(seconds=config.storage_timeout_seconds)
    return {
        "allow_http": config.storage_allow_http == "on",
        "connect_timeout": min(silent, timedelta(seconds=5)),
        "read_timeout": silent,
        # The whole of a request: a large file to a slow reader takes hours. Silence is what `read_timeout` ends.
        "timeout": timedelta(days=1),
    }


def _retry(attempts: int) -> Any:
    backoff = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=3), "base": 2}
    return {"max_retries": attempts, "retry_timeout": timedelta(seconds=_RETRY_SECONDS), "backoff": backoff}


def check(config: Config) -> None:
    """Lists, writes, reads and deletes below the prefix, once. Raises ConfigError."""
    blobs = open_store(config)
    try:
        blobs.probe(f"incoming/.writable-{secrets.token_hex(8)}")
    except (BaseError, OSError, ValueError) as error:
        raise _mistake(str(error)) from None


def _mistake(text: str) -> ConfigError:
    for said, key, message in _MISTAKES:
        if said in text:
            return ConfigError(key, message)
    return ConfigError("storage_url", "the store cannot be used: it gave no answer that is understood")
