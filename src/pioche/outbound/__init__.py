"""Calls to the world. Nothing else in the hub opens a connection to an address that somebody wrote down.

targets   what may be called: an address is parsed, its name resolved once, and every answer checked
client    the call: to exactly the address that was checked, within seconds and bytes, at each redirect anew
collector the call to an administrator's collector of traces
streams   the same for what is large: it comes in pieces, and may take as long as it goes on coming

Start at `client.Client.of(config)`. Calls are plain functions for the threads of jobs. What is inside (loopback, private
networks, this machine, the database) is refused before a connection is opened, unless the setting `outbound_allowed`
names it; a refusal says the same whether something listens there or not, or whether the name exists at all.
"""
