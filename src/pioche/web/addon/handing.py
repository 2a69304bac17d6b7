"""GET /download/pioche_client-VERSION-py3-none-any.whl: what `pip install` takes."""

from pioche.errors import NotFound
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.web.addon import wheel


async def hand_out(request: Request) -> Response:
    if request.params["name"] != wheel.NAME:
        raise NotFound(f"This hub has the add-on of its own version: {wheel.NAME}")
    return Response(200, [("Content-Type", "application/octet-stream")], wheel.build())


ROUTES = (Route("GET", "/download/{name}", Needs.ANYONE, hand_out),)
