"""The table of contents of the pages about files. Whatever shows bytes needs CONTENT, which a gate guards."""

from pioche.http.routes import Route
from pioche.repos.access import Action
from pioche.web.files import blob, changes, edit, log, refs, removal, tree, upload

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
    # Whoever may read may propose; the handlers ask for more where the change goes onto a branch.
    Route("GET", "/{repo:page}/new/{rev}", Action.PROPOSE, edit.new),
    Route("POST", "/{repo:page}/new/{rev}", Action.PROPOSE, edit.save, edit.BODY_BYTES_MAX),
    Route("GET", "/{repo:page}/new/{rev}/{path*}", Action.PROPOSE, edit.new),
    Route("POST", "/{repo:page}/new/{rev}/{path*}", Action.PROPOSE, edit.save, edit.BODY_BYTES_MAX),
    Route("GET", "/{repo:page}/edit/{rev}/{path*}", Action.PROPOSE, edit.edit),
    Route("POST", "/{repo:page}/edit/{rev}/{path*}", Action.PROPOSE, edit.save, edit.BODY_BYTES_MAX),
    Route("GET", "/{repo:page}/delete/{rev}", Action.PROPOSE, removal.confirm),
    Route("POST", "/{repo:page}/delete/{rev}", Action.PROPOSE, removal.delete),
    Route("GET", "/{repo:page}/delete/{rev}/{path*}", Action.PROPOSE, removal.confirm),
    Route("POST", "/{repo:page}/delete/{rev}/{path*}", Action.PROPOSE, removal.delete),
    Route("GET", "/{repo:page}/rename/{rev}/{path*}", Action.PROPOSE, removal.ask),
    Route("POST", "/{repo:page}/rename/{rev}/{path*}", Action.PROPOSE, removal.rename),
    Route("GET", "/{repo:page}/upload/{rev}", Action.PROPOSE, upload.ask),
    Route("POST", "/{repo:page}/upload/{rev}", Action.PROPOSE, upload.send, upload.BODY_BYTES_MAX),
    Route("GET", "/{repo:page}/upload/{rev}/{path*}", Action.PROPOSE, upload.ask),
    Route("POST", "/{repo:page}/upload/{rev}/{path*}", Action.PROPOSE, upload.send, upload.BODY_BYTES_MAX),
)
