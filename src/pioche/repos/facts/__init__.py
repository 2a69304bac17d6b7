"""Facts about a repo that its card and its files tell: tags, task, library, parameters, completeness, warnings.

    observation    what is noticed of the files that a commit changed: kept with the facts, so that the next commit adds to it
    derivation     from what was observed to what is told: a pure function, where to start reading
    records        the rows: read and written in the transaction of the commit
    headers        the long reading, by a job: of safetensors and GGUF headers
    tags           the tags, as the public Hub derives them
    completeness   how much a card tells (docs/reference/ranking.md)

Files come from strangers. What cannot be read or makes no sense is a warning for those who may mend it; it never stops a
commit, a page or a search.
"""
