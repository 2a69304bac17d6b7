"""Finding repos: one query language for the JSON API and the pages, and the engines that answer it.

Start at `query.Query`: what may be asked, and what each field means. `parameters.parse` makes one from the parameters of an
address; a `query.Search` answers it. `plain` is the meaning of all this in Python without any index: slow, obvious, and what
every engine is checked against. `sql` asks the database; `remote` asks the index process, and `sql` in its stead.

    index        all of it in memory: bitmaps of terms (`postings`, `naming`, `counting`, `buckets`), sort orders (`orders`)
    following    builds the index from the rows and keeps it true by events
    cards        the words of cards, on disk; `reading` reads the cards
    service      the index process: answers over a socket (`messages`)

Promises: an answer holds nothing that the caller may not open (invariant I7), and neither does a count, an order or a cursor.
"""
