"""Git LFS: the batch API below a repo's git address, and the signed addresses that it hands out.

Wire format: git-lfs `docs/api/batch.md`, `docs/api/basic-transfers.md`; the `multipart` transfer is the public Hub's own
(clients.md section 5). `batch` decides what may be sent or fetched, `transfers` takes and gives the bytes. Locks are not
offered: 404, as on the Hub.
"""
