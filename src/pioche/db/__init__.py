"""The database: one schema, two engines. `engine.Database` is how everything above reads and writes rows.

Promises: a transaction that returned is durable (`synchronous=FULL` on SQLite); writers are serialised on SQLite
(`BEGIN IMMEDIATE`); driver errors leave here as `pioche.errors.Unavailable` or `OutOfSpace`, never as themselves.
"""
