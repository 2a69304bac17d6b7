"""What stands between the world and apps: whose a request is, who may ask, and what of it the app gets to see.

heads.py      the first lines of requests and answers, read and rewritten
gate.py       who may see an app
server.py     connections: one request each, passed through unbuffered both ways; WebSockets the same
files.py    answers of static Spaces, from files
pages.py      what browsers see while an app comes, or where it does not
"""
