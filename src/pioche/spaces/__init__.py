"""Spaces: apps that run from a repo, and jobs, which run once. Both are strangers' code in `runner`'s sandbox.

    browser, client ── proxy ── app in its sandbox ── its own token ── this hub
                                      ^
    push, settings ── rows ── controller ── builds ── environment

Rows say what is wanted (`db.schema.space`), the controller makes it so and reports the stage; no web process starts anything.
"""
