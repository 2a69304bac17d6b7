"""Gated repos: what can be seen, and whose bytes are given to those who were let in.

A repo's setting says whether there is a gate and who opens it: `auto` lets in whoever asks, `manual` waits for the owners.
Its card says what the gate asks (`extra_gated_*`). What an accepted request opens is decided in `repos.access`, in the look-up
that opens the repo: from the next request on.

forms     the form of a card, and answers to it
requests  who asked: asking, withdrawing, accepting, rejecting, granting, lists
"""
