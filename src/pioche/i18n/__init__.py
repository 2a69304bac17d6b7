"""French and English: texts, numbers, dates.

`texts` has `gettext` and `ngettext`, to be imported as `_`; the messages in the code are the English texts, and their
French stands in `fr/AREA.po`, one file an area. `formats` writes numbers, sizes and times. Both speak the language of the
present request: `languages.speak` sets it, and worker threads inherit it.
"""
