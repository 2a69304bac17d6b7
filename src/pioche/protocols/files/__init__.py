"""Files out: `resolve` and `raw`, for every client, curl and browsers. `routes.PROTOCOL` is the table.

Safe by construction: whatever a file holds, it is never run on this hub's origin (`presentation`).
"""
