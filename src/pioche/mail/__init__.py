"""Letters to people, where the hub has a mail server (settings `mail_*`).

message  what a letter says, and the message that it becomes: as plain text and as HTML
smtp     the one place that speaks SMTP
sending  the job that sends letters, by a table of kinds that `pioche.app` declares

Who writes letters stands where their subject is (`accounts/letters.py`, `repos/gating/letters.py`, `community/letters.py`): a
job says what a letter is about, and what it says, to whom and whether at all is decided when it is sent.
"""
