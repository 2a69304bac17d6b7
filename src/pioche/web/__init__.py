"""Pages for people, in French and English: `layout.page` makes them, `routes.py` is their table of contents.

Complete HTML without JavaScript for reading; scripts only improve. Nothing comes from another host.
"""
