"""One's own settings: for people who signed in in a browser, each form one post (ui.md T1, T2, T3, T6).

profile         what others see of somebody
account         language and theme
authentication  password; in which browsers somebody is signed in
deleted         repos that can still be restored
identity        another name, the data that the hub has, deleting the account
gated           whose files somebody asked for, and what became of it
notifications   what one wants to be told of; what one watches or muted
organizations   those somebody belongs to, is invited to, or asked to join
tokens          what programs prove themselves with
webhooks        addresses that are told what happens; those of an organisation too
"""
