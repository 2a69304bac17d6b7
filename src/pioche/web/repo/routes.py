"""The table of contents of a repo's own pages, without its files (`web.files`)."""

from pioche.web.repo import comparison, metadata, pages, reviewing, storage

ROUTES = (*pages.ROUTES, *metadata.ROUTES, *comparison.ROUTES, *storage.ROUTES, *reviewing.ROUTES)
