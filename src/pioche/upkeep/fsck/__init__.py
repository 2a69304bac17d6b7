"""Is everything that the hub promised there, and right? `pioche fsck` (scenarios J6, B3, B4).

`kinds` is the table of what can be wrong. Each look at a part of the hub is a *unit*: a function that yields problems
(`findings.Problem`), each with its kind, its subject, and where possible the way to mend it. `examination` runs the units
of `database`, `rows`, `bytes`, `xet`, `git`, `derived` and `leftovers` in an order in which each may trust the ones before.

It works while the hub runs: what is not found twice in a row was on its way, and is not reported. It works over any
store of bytes, by the methods of `BlobStore` alone.
"""
