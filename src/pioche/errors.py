"""Every way the hub can say no.

    HubError
    ├── BadRequest 400            InvalidName · InvalidReference · InvalidRange · BadCard · ForbiddenAddress · InvalidFilter
    │                             AddressRefused · NotServed · InvalidInput · GrantRefused (InvalidClient 401)
    ├── Unauthenticated 401       InvalidToken
    ├── Forbidden 403             ReadOnlyToken · SignatureExpired · CrossSite · SsoRequired · SignInFailed · GatedRepo · Disabled
    │                             SecondFactorNeeded · OutsideNetworks · Withdrawn 451
    ├── NotFound 404              RepoNotFound · RevisionNotFound · EntryNotFound · AccountNotFound · ContentNotFound
    ├── MethodNotAllowed 405
    ├── RequestTimeout 408
    ├── Conflict 409              AlreadyExists
    ├── StaleParent 412
    ├── TooLarge 413              QuotaExceeded · UriTooLong 414 · HeadersTooLarge 431
    ├── UnsupportedMediaType 415
    ├── RangeNotSatisfiable 416
    ├── Unprocessable 422         IllegalPath · ContentMismatch · NotBuilt
    ├── TooManyRequests 429       RateLimited
    └── Failure 500               Corrupt 500 · EngineFailed 500 · StartFailed 500 · NotOffered 501 · SandboxTooWeak 501
                                  Unreachable 502 · Unavailable 503 · ModelLoading 503 · OutOfSpace 507

A class carries `status` (HTTP) and `code` (the value of `X-Error-Code`; the clients choose their exception by it, see
huggingface_hub `utils/_http.py:hf_raise_for_status`). Each protocol renders these in its own dialect, once.
`Failure` and below are our fault; everything above is the caller's to mend, and its message says what to mend.
"""

from collections.abc import Sequence
from typing import ClassVar


class HubError(Exception):
    """The root: a refusal with a message meant for the person who sees it."""

    status: int = 500
    code: ClassVar[str | None] = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def explanation(self) -> str:
        """What people are told, where clients compare the message alone."""
        return self.message


class ConfigError(Exception):
    """A setting is wrong; `key` names it. Raised only before the hub starts, so it has no HTTP status."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(key, message)
        self.key = key
        self.message = message

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


# --- the caller's to mend -------------------------------------------------------------------------------------------


class BadRequest(HubError):
    status = 400


class InvalidName(BadRequest):
    """A user, organisation or repo name breaks the naming rules."""


class InvalidReference(BadRequest):
    """A branch or tag name that git or the hub refuses."""


class InvalidRange(BadRequest):
    """A Range header whose form is wrong (one that is well formed but past the end is RangeNotSatisfiable)."""


class BadCard(BadRequest):
    """The metadata block of a README cannot be read."""


class ForbiddenAddress(BadRequest):
    """An address of the world that the hub does not call (`pioche.outbound`)."""


class AddressRefused(BadRequest):
    """An address that no mail can be sent to: it has no such form, or the mail server takes nothing for it."""


class InvalidFilter(BadRequest):
    """A filter of a list that cannot be read, or is not offered (SCIM)."""


class NotServed(BadRequest):
    """No engine serves this model; the message says what would have to be there."""


class InvalidInput(BadRequest):
    """A model cannot be asked this. `field` is the part of the request that is wrong, such as `parameters.top_k`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class GrantRefused(BadRequest):
    """An application gets no token. `error` is the word for why in RFC 6749 section 5.2 or RFC 8628 section 3.5."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


class InvalidClient(GrantRefused):
    """An application that is not known here, or did not prove that it is the one."""

    status = 401

    def __init__(self, message: str = "This application is not known here, or its secret is wrong") -> None:
        super().__init__("invalid_client", message)


class Unauthenticated(HubError):
    """Nobody, where somebody is needed."""

    status = 401

    def __init__(self, message: str = "Invalid username or password.") -> None:
        super().__init__(message)


class InvalidToken(Unauthenticated):
    """Credentials were sent and are wrong, expired or revoked: 401 on every route, public reads too."""

    def __init__(self, message: str = "Invalid credentials in Authorization header") -> None:
        super().__init__(message)


class Forbidden(HubError):
    status = 403


class ReadOnlyToken(Forbidden):
    """The user may, but the token they used is of role `read`."""

    def __init__(self) -> None:
        super().__init__("You don't have the rights to write with this token: use a token with the role `write`.")


class SecondFactorNeeded(Forbidden):
    """An organisation shows what is private to members with a second factor, and this one has none."""


class OutsideNetworks(Forbidden):
    """An organisation shows what is private to requests from its networks, and this one came from elsewhere."""


class SignatureExpired(Forbidden):
    """A signed URL is past its time, or was made for something else."""


class CrossSite(Forbidden):
    """A browser brought somebody's session, but not from one of our pages: another site may have made it do so."""

    def __init__(
        self, message: str = "This did not come from a page of this hub: open the page again and retry"
    ) -> None:
        super().__init__(message)


class SignInFailed(Forbidden):
    """An OpenID provider, or what it answered, does not prove who somebody is."""


class SsoRequired(Forbidden):
    """A member has to sign in at the organisation's own provider first. `page` is the path where that is done."""

    code = "SSORequired"

    def __init__(self, org: str) -> None:
        self.page = f"/organizations/{org}/sso"
        super().__init__(f"{org} asks its members to sign in at its own provider: do so in a browser, at {self.page}")


class GatedRepo(Forbidden):
    """Metadata may be seen, bytes may not, until access is granted. `page` is the path where it can be asked for."""

    code = "GatedRepo"

    def __init__(self, message: str, page: str, *, status: int = 403) -> None:
        super().__init__(message)
        self.page = page
        self.status = status


class Disabled(Forbidden):
    """An administrator took the repo out of use. The exact text is what clients test for (DisabledRepoError).

    `reason` is public. `appeal` is the path of a form where its owners can say why they want it back; empty for others.
    """

    def __init__(self, reason: str = "", *, appeal: str = "") -> None:
        super().__init__("Access to this resource is disabled.")
        self.reason = reason
        self.appeal = appeal

    @property
    def explanation(self) -> str:
        return f"{self.message} {self.reason}".strip()


class Withdrawn(Disabled):
    """An administrator took the repo out of use because a law or a court asks for it (RFC 7725). Clients see a disabled one."""

    status = 451


class NotFound(HubError):
    status = 404


class RepoNotFound(NotFound):
    """Absent and private look the same: 401 to nobody, 404 to somebody (hub-api.md section 1)."""

    code = "RepoNotFound"

    def __init__(self, *, anonymous: bool = False) -> None:
        super().__init__("Invalid username or password." if anonymous else "Repository not found")
        if anonymous:
            self.status = 401


class RevisionNotFound(NotFound):
    code = "RevisionNotFound"

    def __init__(self, revision: str) -> None:
        super().__init__(f"Invalid rev id: {revision}")


class EntryNotFound(NotFound):
    """`commit` is the resolved revision: the client caches the absence when it is told (`X-Repo-Commit`)."""

    code = "EntryNotFound"

    def __init__(self, message: str = "Entry not found", *, commit: str | None = None) -> None:
        super().__init__(message)
        self.commit = commit


class AccountNotFound(NotFound):
    """No user or organisation of this name."""


class ContentNotFound(NotFound):
    """No large file, xorb or shard of this hash that the caller may use."""


class MethodNotAllowed(HubError):
    status = 405

    def __init__(self, method: str, allowed: list[str]) -> None:
        super().__init__(f"{method} is not allowed here; use {', '.join(allowed)}")
        self.allowed = allowed


class RequestTimeout(HubError):
    """The body came too slowly, or stopped coming."""

    status = 408


class Conflict(HubError):
    status = 409


class AlreadyExists(Conflict):
    """`url`, when known, lets `exist_ok=True` go on (hub-api.md section 3)."""

    def __init__(self, message: str, *, url: str | None = None) -> None:
        super().__init__(message)
        self.url = url


class StaleParent(HubError):
    """The branch moved after the caller looked at it. The text is the one that clients know."""

    status = 412

    def __init__(self) -> None:
        super().__init__("The branch was updated since you opened this page. Please refresh and try again.")


class TooLarge(HubError):
    status = 413


class QuotaExceeded(TooLarge):
    """What the owner or the repo may hold is used up. Deleting always goes on."""

    code = "QuotaExceeded"


class UriTooLong(HubError):
    status = 414


class HeadersTooLarge(HubError):
    status = 431


class UnsupportedMediaType(HubError):
    status = 415


class RangeNotSatisfiable(HubError):
    """Ranges that lie past the end of `size` bytes, or too many of them."""

    status = 416

    def __init__(self, size: int, message: str | None = None) -> None:
        super().__init__(message or f"The requested range is outside the file, which has {size} bytes")
        self.size = size


class Unprocessable(HubError):
    status = 422


class IllegalPath(Unprocessable):
    """A file path that no client may be handed."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"Invalid path {path!r}: {reason}")


class ContentMismatch(Unprocessable):
    """The bytes that arrived are not the bytes that were announced."""


class NotBuilt(Unprocessable):
    """The files of a Space do not make an app. `stage` is the word that the clients know (`CONFIG_ERROR`, `NO_APP_FILE`,
    `BUILD_ERROR`); `path` and `line` are where, as far as it has a place."""

    def __init__(self, message: str, *, stage: str, path: str = "", line: int | None = None) -> None:
        where = f"{path}, line {line}: " if path and line else f"{path}: " if path else ""
        super().__init__(where + message)
        self.stage, self.path, self.line = stage, path, line


class TooManyRequests(HubError):
    """`seconds`: after how many it may be tried again (`Retry-After`)."""

    status = 429

    def __init__(self, message: str, *, seconds: int | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class RateLimited(TooManyRequests):
    """`headers` tell clients what was allowed, and when they may go on."""

    def __init__(self, message: str, headers: Sequence[tuple[str, str]], *, seconds: int) -> None:
        super().__init__(message, seconds=seconds)
        self.headers = tuple(headers)


# --- ours to mend ---------------------------------------------------------------------------------------------------


class Failure(HubError):
    """The request was right; the hub could not serve it."""


class Corrupt(Failure):
    """Stored bytes do not match their hash. Never served as 200."""

    code = "Corrupt"


class EngineFailed(Failure):
    """What runs a model cannot load it, or broke down at a request. The message is meant for the model's owner."""


class NotOffered(Failure):
    """A route of the public Hub that this instance does not serve."""

    status = 501
    code = "NotOffered"


class Unreachable(Failure):
    """Somebody else's server, which the hub called, did not answer."""

    status = 502


class SandboxTooWeak(NotOffered):
    """This machine cannot lock a process in as well as is asked for."""


class StartFailed(Failure):
    """A process that was to run in a sandbox did not begin."""


class Unavailable(Failure):
    """A store or the database does not answer; trying again may help."""

    status = 503
    code = "Unavailable"


class ModelLoading(Failure):
    """A model that is asked is not ready yet, and whoever asks does not wait any longer. `seconds`: after how many it may be."""

    status = 503
    code = "ModelLoading"

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class OutOfSpace(Failure):
    status = 507
    code = "OutOfSpace"
