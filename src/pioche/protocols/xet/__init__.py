"""Xet on the wire: tokens from the hub, and the CAS under `casUrl`. `routes.CAS` and `routes.TOKENS` are the tables.

What the stock clients send and need is in xet.md section 8; each quirk cites it.
"""
