"""One's own settings: for people who signed in in a browser, each form one post (ui.md T1, T2, T3, T6).

profile         what others see of somebody
account         language and theme
authentication  password; in which browsers somebody is signed in
gated           whose files somebody asked for, and what became of it
tokens          what programs prove themselves with
webhooks        addresses that are told what happens; those of an organisation too
"""
