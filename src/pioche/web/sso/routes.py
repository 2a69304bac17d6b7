"""The routes of signing in at providers."""

from pioche.web.sso import hub, organisation, saml

ROUTES = (*hub.ROUTES, *organisation.ROUTES, *saml.ROUTES)
