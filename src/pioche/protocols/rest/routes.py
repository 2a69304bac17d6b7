"""The table of contents of the REST API."""

from pioche.http.limits import Bucket
from pioche.http.routes import Needs, Protocol, Route
from pioche.protocols.rest import (
    access_requests,
    accounts,
    collections,
    commits,
    discovery,
    discussions,
    errors,
    history,
    kernels,
    large_files,
    lists,
    people,
    repos,
    resource_groups,
    tags,
    tensors,
    trees,
    undo,
    unoffered,
    webhooks,
)
from pioche.repos.access import Action

_READ, _WRITE = Action.READ, Action.WRITE

ROUTES_REPOS = (
    Route("POST", "/api/repos/create", Needs.USER_WRITE, repos.create),
    Route("DELETE", "/api/repos/delete", Needs.USER_WRITE, repos.delete),
    Route("POST", "/api/repos/move", Needs.USER_WRITE, repos.move),
    Route("GET", "/api/deleted-repos", Needs.USER, undo.deleted_repos),
    Route("POST", "/api/deleted-repos/{uid}/restore", Needs.USER_WRITE, undo.restore_repo),
    Route("GET", "/api/models", Needs.ANYONE, lists.models),
    Route("GET", "/api/datasets", Needs.ANYONE, lists.datasets),
    Route("GET", "/api/spaces", Needs.ANYONE, lists.spaces),
    Route("GET", "/api/kernels", Needs.ANYONE, kernels.listing),
    Route("GET", "/api/settings/repositories", Needs.USER, lists.storage_of_caller),
    Route("GET", "/api/organizations/{name}/settings/repositories", Needs.USER, lists.storage_of_org),
    Route("POST", "/api/validate-yaml", Needs.ANYONE, commits.validate_yaml),
    Route("GET", "/api/{repo:api}", _READ, repos.info),
    Route("GET", "/api/{repo:api}/revision/{rev}", _READ, repos.info),
    Route("PUT", "/api/{repo:api}/settings", Action.MANAGE, repos.settings),
    Route("POST", "/api/{repo:api}/duplicate", Action.CONTENT, repos.duplicate),
    Route("GET", "/api/{repo:api}/resource-group", _READ, resource_groups.of_repo),
    Route("POST", "/api/{repo:api}/resource-group", Action.MANAGE, resource_groups.assign),
    Route("GET", "/api/{repo:bucket}/resource-group", _READ, resource_groups.of_repo),
    Route("POST", "/api/{repo:bucket}/resource-group", Action.MANAGE, resource_groups.assign),
    # Which files were pushed and never shown is for those who push.
    Route("GET", "/api/{repo:api}/lfs-files", _WRITE, large_files.listing),
    Route("POST", "/api/{repo:api}/lfs-files/batch", Action.MANAGE, large_files.remove_all),
    Route("DELETE", "/api/{repo:api}/lfs-files/{sha}", Action.MANAGE, large_files.remove),
    Route("POST", "/api/{repo:api}/lfs-files/duplicate", Action.CONTENT, large_files.duplicate),
    Route("POST", "/api/{repo:bucket}/lfs-files/duplicate", Action.CONTENT, large_files.duplicate),
    Route("GET", "/api/{repo:api}/tree/{rev}", _READ, trees.tree),
    Route("GET", "/api/{repo:api}/tree/{rev}/{path*}", _READ, trees.tree),
    Route("GET", "/api/{repo:api}/safetensors-metadata/{path*}", Action.CONTENT, tensors.safetensors_metadata),
    Route("POST", "/api/{repo:api}/paths-info/{rev}", _READ, trees.paths_info),
    Route("GET", "/api/{repo:api}/treesize/{rev}", _READ, trees.tree_size),
    Route("GET", "/api/{repo:api}/treesize/{rev}/{path*}", _READ, trees.tree_size),
    Route("GET", "/api/{repo:api}/refs", _READ, history.refs),
    Route("POST", "/api/{repo:api}/branch/{branch}", _WRITE, history.create_branch),
    Route("DELETE", "/api/{repo:api}/branch/{branch}", _WRITE, history.delete_branch),
    Route("POST", "/api/{repo:api}/tag/{rev}", _WRITE, history.create_tag),
    Route("DELETE", "/api/{repo:api}/tag/{rev}", _WRITE, history.delete_tag),
    Route("GET", "/api/{repo:api}/commits/{rev}", _READ, history.commits),
    Route("POST", "/api/{repo:api}/super-squash/{rev}", _WRITE, history.squash),
    Route("GET", "/api/{repo:api}/reflog", Action.MANAGE, undo.reflog),
    Route("POST", "/api/{repo:api}/restore-ref", Action.MANAGE, undo.restore_ref),
    Route("GET", "/api/{repo:api}/compare/{range*}", Action.CONTENT, history.compare),
    Route("POST", "/api/{repo:api}/preupload/{rev}", Action.PROPOSE, commits.preupload, body_bytes_max=4 * 2**20),
    Route("POST", "/api/{repo:api}/commit/{rev}", Action.PROPOSE, commits.commit, body_bytes_max=-1),
)

_ROUTES = (
    *accounts.ROUTES_ACCOUNTS,
    *people.ROUTES,
    *collections.ROUTES,
    *ROUTES_REPOS,
    *discussions.ROUTES,
    *access_requests.ROUTES,
    *tags.ROUTES,
    *discovery.ROUTES,
    *webhooks.ROUTES,
    *unoffered.ROUTES,
)

PROTOCOL = Protocol("rest", _ROUTES, errors.render, Bucket.API)
