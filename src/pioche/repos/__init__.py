"""Repositories: the heart. `access.Access.open` is the only way to hold a Repo, and holding one is the permission.

access      who may do what; Repo
catalog     create, delete, move, settings, list
revisions   names of commits to commits
refs        the one way in for every change of a ref
commits     a commit made of operations (REST, web)
push        a commit made by git
files       entries and bytes of a revision
lookups     the SQL of hot paths
"""
