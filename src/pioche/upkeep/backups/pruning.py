"""Removing old generations, and the files that only they have."""

from pathlib import Path

from pioche.storage.blobs import BlobStore
from pioche.upkeep.backups import generations
from pioche.upkeep.backups.known import Known
from pioche.upkeep.backups.places import Place
from pioche.upkeep.progress import SILENT, Progress, each

_FOLDERS = ("rows", "lists", "blobs", "xet", "git")


def prune(place: Place, keep: int, scratch: Path, *, progress: Progress = SILENT) -> list[str]:
    """Keeps the newest `keep` generations; returns the ids of those that are gone. What no generation names goes too.

    Under the lease of the hub whose backups these are: nobody may be adding files.
    """
    store = place.store
    doomed = generations.ids(store)[:-keep]
    for generation_id in doomed:
        generations.remove(store, generation_id)  # first: a backup that is listed is whole
    with Known(scratch / "pruned.db") as known:
        for folder in _FOLDERS:
            known.add_stored(store.list(folder))
        for generation_id in generations.ids(store):
            _mark(store, generation_id, known)
        unnamed = known.unproved()
        progress.begin("Old files removed", len(unnamed))
        for key in each(progress, unnamed):
            store.delete(key)
    return doomed


def _mark(store: BlobStore, generation_id: str, known: Known) -> None:
    generation = generations.load(store, generation_id)
    known.add_proved(generation.lists)
    for table in generation.tables:
        known.add_proved(table.parts)
    known.add_proved(generations.files(store, generation))
