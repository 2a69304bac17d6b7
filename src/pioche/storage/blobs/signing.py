"""Addresses of an S3-compatible store that carry their own proof (AWS Signature Version 4, query parameters).

Pure: nothing is sent. Our own, because what has to be signed along (the name a browser saves under, the one range that may
be read, the exact length that may be written) is more than obstore signs. Tens of microseconds.
The algorithm: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html; its example is a test of ours.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one bucket. `endpoint` is the store's address as clients reach it, without a slash at the end."""

    endpoint: str
    bucket: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    path_style: bool = True
    clock: Callable[[], float] = time.time

    def url(
        self,
        method: str,
        name: str,
        *,
        seconds: int,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """The address of the object `name`, good for `seconds` from now and for `method` alone.

        `query` is signed along (`response-content-type` and the like). `headers` (lower-case names) are bound: a request
        whose headers are not exactly these is refused by the store.
        """
        base, host, path = self._place(name)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.clock()))
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        bound = {"host": host, **(headers or {})}
        names = ";".join(sorted(bound))
        asked = {
            **(query or {}),
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self.access_key}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": names,
        }
        canonical_query = "&".join(f"{_quoted(key)}={_quoted(asked[key])}" for key in sorted(asked))
        canonical_headers = "".join(f"{key}:{bound[key]}\n" for key in sorted(bound))
        canonical = f"{method}\n{path}\n{canonical_query}\n{canonical_headers}\n{names}\nUNSIGNED-PAYLOAD"
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = _signing_key(self.secret_key, stamp[:8], self.region)
        signature = hmac.digest(key, text.encode(), hashlib.sha256).hex()
        return f"{base}{path}?{canonical_query}&X-Amz-Signature={signature}"

    def _place(self, name: str) -> tuple[str, str, str]:
        """What comes before the path, the Host header, the path."""
        scheme, host = urlsplit(self.endpoint)[:2]
        path = "/" + quote(name, safe="/-_.~")
        if self.path_style:
            path = f"/{self.bucket}{path}"
        else:
            host = f"{self.bucket}.{host}"
        return f"{scheme}://{host}", host, path


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    """Good for one day."""
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key
