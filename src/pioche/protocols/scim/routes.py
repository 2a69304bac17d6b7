"""The routes of SCIM. Each asks for the token of the organisation that the address names, which is good for nothing else."""

from pioche.http.limits import Bucket
from pioche.http.routes import Protocol
from pioche.protocols.scim import about, errors, groups, users

PROTOCOL = Protocol("scim", (*users.ROUTES, *groups.ROUTES, *about.ROUTES), errors.render, Bucket.API)
