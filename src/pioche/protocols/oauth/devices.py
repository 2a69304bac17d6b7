"""POST /oauth/device: a machine without a browser asks for a code (RFC 8628 section 3.1; `hf auth login`)."""

from pioche.accounts import failures
from pioche.accounts.oauth import devices
from pioche.http.messages import Request, Response, json_response
from pioche.http.routes import Needs, Route
from pioche.protocols.oauth import clients
from pioche.protocols.oauth.token import BODY_BYTES_MAX


async def begin(request: Request) -> Response:
    """POST /oauth/device."""
    sent = await request.form()
    fields = {name: values[-1] for name, values in sent.lists.items()}
    application = await clients.asking(request, fields)
    asking = failures.of_device(request.hub.addresses.client(request.scope, request.headers))
    await request.run(request.hub.directory.failures.count, asking)
    begun = await request.run(devices.begin, request.hub.database, application, fields.get("scope"))
    page = f"{request.base_url}/device"
    told = {
        "device_code": begun.device_code,
        "user_code": begun.user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={begun.user_code}",
        "expires_in": devices.SECONDS,
        "interval": devices.WAIT_SECONDS,
    }
    return json_response(told, headers=[("Cache-Control", "no-store")])


ROUTES = (Route("POST", "/oauth/device", Needs.SIGNATURE, begin, BODY_BYTES_MAX),)
