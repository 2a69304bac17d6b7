"""Pages for people, in French and English. (Here: the front page; the others are the Search issue's.)"""
