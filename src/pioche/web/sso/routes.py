"""The routes of signing in at providers."""

from pioche.web.sso import hub, organisation

ROUTES = (*hub.ROUTES, *organisation.ROUTES)
