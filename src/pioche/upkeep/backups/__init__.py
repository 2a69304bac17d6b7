"""Backups: made while the hub runs, restored into an empty one (docs/formats/backup.md; scenarios J1 and J2).

    making       one generation: the rows of one moment, then the content that they name
    restoring    a generation back into an empty data folder and database
    generations  what a generation is, and how it is written and read
    copying      bytes from one store to another, proved on the way
    packs        git's packs, held while they are copied
    known        what lies at the destination already
    pruning      removing old generations

The order is what makes a backup whole: rows first, in one snapshot; then content, which only grows while the lease
COLLECTION keeps collection off. A generation exists once its description is written, and that is the last step.
"""
