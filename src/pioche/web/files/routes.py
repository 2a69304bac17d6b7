"""The table of contents of the pages about files. Whatever shows bytes needs CONTENT, which a gate guards."""

from pioche.http.routes import Route
from pioche.repos.access import Action
from pioche.web.files import blob, changes, log, refs, tree

ROUTES = (
    Route("GET", "/{repo:page}/tree/{rev}", Action.READ, tree.tree),
    Route("GET", "/{repo:page}/tree/{rev}/{path*}", Action.READ, tree.tree),
    Route("GET", "/{repo:page}/find/{rev}", Action.READ, tree.find),
    Route("GET", "/{repo:page}/blob/{rev}/{path*}", Action.CONTENT, blob.blob),
    Route("GET", "/{repo:page}/blame/{rev}/{path*}", Action.CONTENT, blob.blame),
    Route("GET", "/{repo:page}/commits/{rev}", Action.READ, log.commits),
    Route("GET", "/{repo:page}/commits/{rev}/{path*}", Action.READ, log.commits),
    Route("GET", "/{repo:page}/commit/{rev}", Action.CONTENT, changes.commit),
    Route("GET", "/{repo:page}/compare", Action.READ, changes.choose),
    Route("GET", "/{repo:page}/compare/{range*}", Action.CONTENT, changes.compare),
    Route("GET", "/{repo:page}/branches", Action.READ, refs.branches),
    Route("POST", "/{repo:page}/branches", Action.WRITE, refs.change),
)
