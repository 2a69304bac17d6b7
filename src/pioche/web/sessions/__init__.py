"""Signing in and out, and joining: the pages for people who are not signed in.

signing_in  GET and POST /login, POST /logout
passwords   POST /login/password: a one-time password is replaced by one's own
forgetting  GET and POST /login/forgotten: a link for another password is sent
proving     GET and POST /login/address: an address is proved by the link that was sent there
joining     GET and POST /join, by the setting `sign_up`
entering    what they share: a session begins, and its cookie is set
targets     where to go afterwards, never to another site
"""
