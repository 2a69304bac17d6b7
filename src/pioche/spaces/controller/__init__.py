"""Makes of apps what their rows ask for: builds them, starts them, has them sleep, wakes them, ends them.

house.py     all of them: looks at the rows, once a second
keeper.py    one of them: what runs, what comes next
version.py   a commit of it that runs, or its files where it is static
lines.py     what building and the app said
service.py   answers web processes, over a Unix socket
"""
