"""What people do around repos: likes, followers, watching, collections.

Everything here is plain functions over an opened repo or an account; what concerns a repo is told to those who may open it,
and to nobody else.
"""
