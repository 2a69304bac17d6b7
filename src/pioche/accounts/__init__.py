"""Who there is, and who is asking.

directory   users and organisations; the place to start
members     who belongs to which organisation, in which role
tokens      what users prove themselves with; when each was last used
passwords   argon2id
sessions    who is signed in, in which browser
failures    guesses at passwords, which have to wait
invitations links by which somebody may make an account
overviews   the numbers on an account's page
callers     credentials of a request to a Caller
"""
