"""Organisations' own pages: making one, its settings, and coming and going (ui.md U2, U3).

frame      what the settings share: the organisation they are about, the list of the tabs (in its template)
creating   /organizations/new
joining    following a link of invitation, asking to be let in
roles      what they are called
profile    what others see of it
members    who belongs to it, who is invited, who asks
groups     resource groups: which repos are for whom
security   how new repositories begin, who sees the members, who may ask
account    leaving, deleting
routes     all of it; a tab is a module with ROUTES
"""
