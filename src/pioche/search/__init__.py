"""Finding repos: one query language for the JSON API and the pages, and the engines that answer it.

Start at `query.Query`: what may be asked, and what each field means. `parameters.parse` makes one from the parameters of an
address; a `query.Search` answers it. `plain` is the meaning of all this in Python without any index: slow, obvious, and what
every engine is checked against.

Promises: an answer holds nothing that the caller may not open (invariant I7), and neither does a count, an order or a cursor.
"""
