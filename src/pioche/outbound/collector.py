"""Where traces go: the address is the administrator's own setting, and so may lie inside, there and nowhere else."""

from urllib.parse import unquote

from pioche.config import Config
from pioche.errors import Unreachable
from pioche.networks import Allowed
from pioche.outbound.client import Client
from pioche.outbound.targets import Guard, Target

_SECONDS = 3.0


class Collector:
    """Of OpenTelemetry, by its protocol over HTTP in JSON."""

    def __init__(self, endpoint: str, headers: str = "") -> None:
        """`headers` as OTEL_EXPORTER_OTLP_HEADERS has them: `name=value,...`, percent-encoded."""
        self._url = f"{endpoint.rstrip('/')}/v1/traces"
        target = Target.parse(self._url)
        host = f"[{target.host}]" if ":" in target.host else target.host
        self._client = Client(Guard([Allowed.parse(f"{host}:{target.port}")]), seconds=_SECONDS)
        pairs = (pair.partition("=") for pair in headers.split(",") if pair.strip())
        self._headers = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
        self._headers["Content-Type"] = "application/json"

    @classmethod
    def of(cls, config: Config) -> "Collector":
        return cls(config.otlp_endpoint, config.otlp_headers)

    def send(self, body: bytes) -> None:
        """Raises Unreachable, also where it refuses, and ForbiddenAddress for a name that is not found."""
        answer = self._client.post(self._url, body, self._headers)
        if answer.status >= 300:
            raise Unreachable(f"The collector answered {answer.status}")
