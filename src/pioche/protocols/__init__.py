"""Translators: each parses its wire format, calls the core, renders the answer in its own dialect. None knows another."""
