"""The table of contents of these pages."""

from pioche.web.moderation import blocked, factors, queue, reporting, sandboxes, trail

ROUTES = (*queue.ROUTES, *trail.ROUTES, *reporting.ROUTES, *blocked.ROUTES, *factors.ROUTES, *sandboxes.ROUTES)
