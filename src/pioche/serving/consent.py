"""Whether code that came with a model may run (docs/decisions/0048-code-of-owners.md): the operator offers it, an owner of the repo
allowed it, and the commit is one that those who write to the repo made."""

import sqlalchemy as sa

from pioche.db import schema
from pioche.errors import NotServed
from pioche.names import Oid
from pioche.repos.access import Repo

_repos, _refs = schema.repos, schema.refs
_OURS = sa.or_(_refs.c.name.like("refs/heads/%"), _refs.c.name.like("refs/tags/%"))


def refusal(repo: Repo, commit: Oid, *, is_offered: bool) -> str:
    """Why not, in words; empty when it may. For a thread."""
    if not is_offered:
        return "this hub runs no code of models (the setting inference_code is off)"
    with repo.database.read() as connection:
        allowed = sa.select(_repos.c.code_allowed).where(_repos.c.id == repo.id, _repos.c.deleted_at.is_(None))
        if not connection.execute(allowed).scalar():
            return "no owner of the repo has allowed it (Settings, Code of the model)"
        tips = connection.execute(sa.select(_refs.c.commit).where(_refs.c.repo_id == repo.id, _OURS)).scalars().all()
    if commit in tips or any(repo.objects.is_ancestor(commit, Oid(tip)) for tip in tips):
        return ""
    # Whoever may read a repo may propose a commit to it (refs/pr/...): such a one is nobody's who was trusted.
    return "this commit is on no branch and has no tag"


def check(repo: Repo, commit: Oid, *, is_offered: bool) -> None:
    """Raises NotServed."""
    if refused := refusal(repo, commit, is_offered=is_offered):
        raise NotServed(f"The code of this model does not run: {refused}")
