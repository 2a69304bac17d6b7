"""The routes of letting applications in."""

from pioche.web.oauth import authorize, device

ROUTES = (*device.ROUTES, *authorize.ROUTES)
