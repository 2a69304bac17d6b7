"""The one sequence that a repo's discussions and pull requests share."""

import sqlalchemy as sa

from pioche.db import schema


def take(connection: sa.Connection, repo_id: int) -> int:
    """The next number, in the caller's transaction: none is lost or given twice."""
    repos = schema.repos
    query = repos.update().where(repos.c.id == repo_id).values(last_number=repos.c.last_number + 1)
    return int(connection.execute(query.returning(repos.c.last_number)).scalar_one())
