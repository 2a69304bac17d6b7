"""Alembic's scripts. Nothing imports them; `pioche.db.migrate` runs them."""
