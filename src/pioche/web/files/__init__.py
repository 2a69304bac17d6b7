"""The pages about files: folders, files, history, changes, branches, and how people change them in a browser.

routes      the table of contents
frame       what all these pages have in common: the revision, the path, the rights of who is asking
addresses   where each page is
tree        a folder; find, a file by a part of its name
blob        one file, by its kind (shown); blame, its lines with their commits
log         commits; changes, what a commit or a comparison changed; refs, branches and tags
edit, upload, removal, moving     what commits
"""
