"""The table of contents of a repo's own pages, without its files (`web.files`)."""

from pioche.web.repo import comparison, metadata, pages

ROUTES = (*pages.ROUTES, *metadata.ROUTES, *comparison.ROUTES)
