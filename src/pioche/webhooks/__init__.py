"""Webhooks: what happens on the hub is posted to addresses that people gave, as the public Hub does it (payload version 3).

registry     who wants to be told what, and where
matching     an event becomes deliveries: one for each webhook that watches the repo, and whose owner may read it
payloads     what is said of an event
sending      the job that posts deliveries, again and again while nobody answers, and gives up at last
deliveries   what was told: rows that wait, for the owner's eyes, to be sent again, and pruned

Promises: an event is posted at least once, and always under the same delivery id (`X-Webhook-Delivery`); nothing of a repo
is posted or shown to an owner who may not read it at that moment; no address inside is called (`pioche.outbound`).
"""
