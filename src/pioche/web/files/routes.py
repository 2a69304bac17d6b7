"""The table of contents of the pages about files. Whatever shows bytes needs CONTENT, which a gate guards."""

from pioche.http.routes import Route
from pioche.repos.access import Action
from pioche.web.files import blob, changes, edit, log, moving, refs, removal, tree, upload

ROUTES = (
    Route("GET", "/{repo:web}/tree/{rev}", Action.READ, tree.tree),
    Route("GET", "/{repo:web}/tree/{rev}/{path*}", Action.READ, tree.tree),
    Route("GET", "/{repo:web}/find/{rev}", Action.READ, tree.find),
    Route("GET", "/{repo:web}/blob/{rev}/{path*}", Action.CONTENT, blob.blob),
    Route("GET", "/{repo:web}/blame/{rev}/{path*}", Action.CONTENT, blob.blame),
    Route("GET", "/{repo:web}/commits/{rev}", Action.READ, log.commits),
    Route("GET", "/{repo:web}/commits/{rev}/{path*}", Action.READ, log.commits),
    Route("GET", "/{repo:web}/commit/{rev}", Action.CONTENT, changes.commit),
    Route("GET", "/{repo:web}/compare", Action.READ, changes.choose),
    Route("GET", "/{repo:web}/compare/{range*}", Action.CONTENT, changes.compare),
    Route("GET", "/{repo:web}/branches", Action.READ, refs.branches),
    Route("POST", "/{repo:web}/branches", Action.WRITE, refs.change),
    # Whoever may read may propose; the handlers ask for more where the change goes onto a branch.
    Route("GET", "/{repo:web}/new/{rev}", Action.PROPOSE, edit.new),
    Route("POST", "/{repo:web}/new/{rev}", Action.PROPOSE, edit.save, edit.BODY_BYTES_MAX, edit.rescue),
    Route("GET", "/{repo:web}/new/{rev}/{path*}", Action.PROPOSE, edit.new),
    Route("POST", "/{repo:web}/new/{rev}/{path*}", Action.PROPOSE, edit.save, edit.BODY_BYTES_MAX, edit.rescue),
    Route("GET", "/{repo:web}/edit/{rev}/{path*}", Action.PROPOSE, edit.edit),
    Route("POST", "/{repo:web}/edit/{rev}/{path*}", Action.PROPOSE, edit.save, edit.BODY_BYTES_MAX, edit.rescue),
    Route("POST", "/{repo:web}/card/check", Action.PROPOSE, edit.check, edit.CARD_BODY_BYTES_MAX),
    Route("GET", "/{repo:web}/delete/{rev}", Action.PROPOSE, removal.confirm),
    Route("POST", "/{repo:web}/delete/{rev}", Action.PROPOSE, removal.delete),
    Route("GET", "/{repo:web}/delete/{rev}/{path*}", Action.PROPOSE, removal.confirm),
    Route("POST", "/{repo:web}/delete/{rev}/{path*}", Action.PROPOSE, removal.delete),
    Route("GET", "/{repo:web}/move/{rev}", Action.PROPOSE, moving.ask),
    Route("POST", "/{repo:web}/move/{rev}", Action.PROPOSE, moving.move),
    Route("GET", "/{repo:web}/rename/{rev}/{path*}", Action.PROPOSE, removal.ask),
    Route("POST", "/{repo:web}/rename/{rev}/{path*}", Action.PROPOSE, removal.rename),
    Route("GET", "/{repo:web}/upload/{rev}", Action.PROPOSE, upload.ask),
    Route("POST", "/{repo:web}/upload/{rev}", Action.PROPOSE, upload.send, upload.BODY_BYTES_MAX),
    Route("GET", "/{repo:web}/upload/{rev}/{path*}", Action.PROPOSE, upload.ask),
    Route("POST", "/{repo:web}/upload/{rev}/{path*}", Action.PROPOSE, upload.send, upload.BODY_BYTES_MAX),
)
