"""Git over SSH: fetch, push and LFS for whoever has told this hub a public key of theirs (docs/guide/ssh.md).

    server     the process's server: what it offers, how it stops
    doorman    how many connections there are, and which go first when there are too many
    door       one connection: whose key it is
    commands   what may be asked for: a table, as other protocols have one of routes
    sessions   one command: caller, right, handler, answer
    channels   the bytes of a command, in and out

There is no shell, no terminal, no forwarding and no environment but GIT_PROTOCOL. A command is never given to a shell, nor
to any program: it is one of the table's, about one repo, or it is refused.
"""
