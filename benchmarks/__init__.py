"""Benchmarks: the hub beside a named reference, in turn, in one run; `make bench` runs them all.

Only ratios inside one run mean something: machines differ, and so does one machine from hour to hour. The references
are nginx with `sendfile` (bytes), nginx storing a body without hashing it (uploads) and a bare ASGI application on the
hub's own server (small requests). Start in `__main__`.
"""
