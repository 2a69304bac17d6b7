"""The routes of a repo's settings."""

from pioche.web.repo_settings import general, publishers, storage, webhooks

ROUTES = (*general.ROUTES, *storage.ROUTES, *webhooks.ROUTES, *publishers.ROUTES)
