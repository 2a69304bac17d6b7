"""Everything that can be wrong, in one table: a stable code, what it means, what `--repair` does, what people do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """`code` stands in `--json` and in documents. `repair` is empty where a machine must not decide.

    `damage` False: it takes room or attention, and everything that was promised is there all the same.
    """

    code: str
    meaning: str
    repair: str
    manual: str
    damage: bool = True


_RESTORE = "Restore {subject} from a backup into the data folder and run `pioche fsck --repair`"
_UPLOAD = _RESTORE + "; or upload the file again: {used_by}"

# --- the database ---

DATABASE_PAGES = Kind(
    "database-pages",
    "The database file is damaged.",
    "Indexes are built anew, which is enough when nothing else is damaged.",
    "Stop the hub, keep a copy of {subject}, and restore the newest backup with `pioche restore`; where there is none, "
    "`sqlite3 {subject} .recover` saves what can be read",
)
SCHEMA = Kind(
    "schema",
    "The database is of another version, or lacks a table or a column of this one.",
    "The schema is brought up to date; a table that is missing is made, empty.",
    "Start the version of Pioche that wrote it, or restore the newest backup with `pioche restore`",
)
DATABASE_INDEX = Kind(
    "database-index",
    "The database lacks an index: it is right, and slow.",
    "The index is made.",
    "Remove the rows that are twice in it",
)
DANGLING_ROW = Kind(
    "dangling-row",
    "A row names a row that is not there, such as a redirect to a repo that is gone.",
    "The row is removed, or its mention of the absent one is.",
    "Restore the newest backup, or remove the row by hand when you know that it is not needed",
)
SIGNING_KEY = Kind(
    "signing-key",
    "No key signs addresses and Xet tokens, or the instance has no epoch: uploads and downloads by signed address fail.",
    "A new key is made; addresses signed before are refused and asked for again by the clients.",
    "Run `pioche key rotate`",
)

# --- refs and git objects ---

REF_TARGET = Kind(
    "ref-target",
    "A branch, tag or pull request names an object that is missing or damaged, or one of the wrong kind.",
    "The ref goes back to the last target in its log of which everything is there; the log keeps where it was.",
    "Restore {folder} from a backup and run `pioche fsck` again; or push {subject} again from a clone",
)
REF_COMMIT = Kind(
    "ref-commit", "The commit beside a ref's target is not the one that it leads to.", "It is computed again.", ""
)
REF_NAME = Kind(
    "ref-name",
    "A ref has a name that git refuses, or one inside another (`a` and `a/b`): clones fail.",
    "",
    "Delete the branch or tag {subject} over the API, or push it under another name and delete it",
)
REFLOG = Kind(
    "reflog",
    "The log of a ref does not end where the ref is: an undo would go to the wrong place.",
    "A line is added that says where the ref is.",
    "",
)
DEFAULT_BRANCH = Kind(
    "default-branch",
    "A repo has no branch `main`.",
    "It is made where its log, or the repo's first commit, says.",
    "Push `main` again from a clone",
)
GIT_OBJECT = Kind(
    "git-object",
    "A git object that a ref or its log leads to is missing or damaged.",
    "An object of the repo's first commit is computed anew, another is taken from a repo that has it too.",
    "Restore {folder} from a backup and run `pioche fsck` again; or push {refs} again from a clone",
)
GIT_PACK = Kind(
    "git-pack",
    "A pack of git objects is damaged.",
    "The objects in it that are whole are saved into a new pack; the damaged one is moved to `quarantine/`.",
    "Restore {subject} from a backup, with its .idx",
)
GIT_INDEX = Kind(
    "git-index",
    "The index of a pack is missing or damaged: what is in the pack cannot be found.",
    "The index is computed from the pack.",
    "Restore {subject} from a backup, with its .pack",
)
GIT_HEAD = Kind(
    "git-head",
    "A repo's folder of git objects lacks its HEAD: the repo counts as never written to.",
    "HEAD is written.",
    "",
)

# --- rows derived from git and from uploads ---

ENTRIES = Kind(
    "entries",
    "The listing of the default branch is not what its commit holds.",
    "The listing is computed from the commit.",
    "",
)
CARD = Kind("card", "The metadata of a repo's card is not that of its README.", "It is read again from the README.", "")
POINTER_ROW = Kind(
    "pointer-row",
    "The row of an LFS pointer is missing or wrong: the pointer is served in place of the file.",
    "The row is made from the pointer.",
    "",
)
CONTENT_LINK = Kind(
    "content-link",
    "A repo has a pointer to a large file that is not linked to it: the file cannot be read there.",
    "The link is made.",
    "Upload the file again: {used_by}",
)
USED_STORAGE = Kind("used-storage", "The storage that a repo uses was counted wrongly.", "It is counted again.", "")
COUNTER = Kind(
    "counter",
    "The likes of a repo or the votes for a collection were counted wrongly.",
    "They are counted again.",
    "",
    damage=False,
)
BUCKET_FILE = Kind(
    "bucket-file",
    "A file of a bucket names a content that the bucket does not hold.",
    "The link is made where the content is known.",
    "Upload the file again: {used_by}",
)

# --- large files ---

CONTENT_ROW = Kind(
    "content-row",
    "A large file has no row of its own, or one of the wrong size.",
    "The row is made from the stored bytes.",
    _UPLOAD,
)
CONTENT_LOST = Kind(
    "content-lost",
    "The bytes of a large file were lost; reading it is an error.",
    "Bytes that are back, from a backup, are taken into use.",
    _UPLOAD.replace("{subject}", "{parts}"),
)
BLOB_MISSING = Kind(
    "blob-missing",
    "The stored bytes of a large file are not there.",
    "The file is served from its chunks or from quarantine when they hold the same bytes; else it is marked as lost.",
    _UPLOAD,
)
BLOB_TRUNCATED = Kind(
    "blob-truncated",
    "The stored bytes of a large file are too few or too many.",
    "They are moved to quarantine; then as for blob-missing.",
    _UPLOAD,
)
BLOB_DAMAGED = Kind(
    "blob-damaged",
    "The stored bytes of a large file do not match its sha256 (found by --deep and by scrub).",
    "They are moved to quarantine; then as for blob-missing.",
    _UPLOAD,
)

# --- Xet ---

XORB_MISSING = Kind(
    "xorb-missing",
    "The stored bytes of a xorb are not there: the files that are made of it cannot be read.",
    "They are taken from quarantine, or made from files that are kept whole; else the files are marked as lost.",
    _UPLOAD,
)
XORB_DAMAGED = Kind(
    "xorb-damaged",
    "The stored bytes of a xorb are too few or too many, or do not match its hash (found by --deep and by scrub).",
    "They are moved to quarantine; then as for xorb-missing.",
    _UPLOAD,
)
XORB_ROW = Kind(
    "xorb-row",
    "The row of a xorb is missing, or its table of chunks is not what the stored bytes hold.",
    "The row is made from the bytes.",
    _UPLOAD,
)
XET_FILE_MISSING = Kind(
    "xet-file-missing",
    "A file is kept as chunks, and the row that says which is missing.",
    "The row is made from the shard with which the file was uploaded.",
    "Upload the file again: {used_by}",
)
XET_TERMS = Kind(
    "xet-terms",
    "The terms of a file (which chunks of which xorbs) do not make the file.",
    "They are taken from the shard with which the file was uploaded.",
    "Upload the file again: {used_by}",
)
FILE_XORBS = Kind(
    "file-xorbs",
    "The list of the files that a xorb is part of is wrong: collection could remove a xorb that is needed.",
    "The rows of the file are made from its terms.",
    "",
)
XET_CHUNKS = Kind(
    "xet-chunks",
    "The index of chunks that clients ask for has wrong rows or lacks some: uploads send more than they need.",
    "The rows of the xorb are made from its table.",
    "",
)
XORB_LINK = Kind(
    "xorb-link",
    "A repo holds a file made of a xorb that is not linked to it: Xet clients cannot fetch it there.",
    "The link is made.",
    "",
)
SHARD_DAMAGED = Kind(
    "shard-damaged",
    "A stored shard does not match its name. Files are read without it; it only serves to mend their terms.",
    "It is moved to quarantine.",
    "",
)
QUARANTINE_ROW = Kind(
    "quarantine-row",
    "Bytes that were set aside are gone from quarantine: they cannot be taken back.",
    "The row is removed.",
    "",
)
CACHE_DAMAGED = Kind(
    "cache-damaged",
    "A file in the cache is damaged, or cannot be read.",
    "It is removed: the cache fills by itself.",
    "",
)

# --- what lies around ---

UNDO_OBJECT = Kind(
    "undo-object",
    "A git object is missing or damaged that no ref needs, only the undoing of a change of one.",
    "As for git-object.",
    "Nothing needs to be done, unless the change is to be undone: then restore {folder} from a backup first",
    damage=False,
)

STALE_UPLOAD = Kind(
    "stale-upload",
    "An upload that nobody may continue, or a draft that nobody writes to any more.",
    "It is removed.",
    "",
    damage=False,
)
GIT_LEFTOVER = Kind(
    "git-leftover",
    "Temporary files in a repo's folder, of a write that was broken off.",
    "They are removed.",
    "",
    damage=False,
)
ORPHANED_FOLDER = Kind(
    "orphaned-folder",
    "A folder of git objects of which no repo is known: the repo was deleted, or the database is older than the folder.",
    "The folder is moved to `quarantine/git/`; remove it there when you know that no database needs it.",
    "",
    damage=False,
)
ORPHANED_BYTES = Kind(
    "orphaned-bytes",
    "Stored bytes of which no row is known: uploads that were never finished, or the database is older than the store.",
    "",
    "Nothing needs to be done: `pioche gc` removes what stays unused",
    damage=False,
)
FAILED_JOB = Kind(
    "failed-job",
    "A job of the hub was given up after its last attempt.",
    "",
    "Read its error below and in the log; what changes puts the job in again",
    damage=False,
)
STUCK_LEASE = Kind(
    "stuck-lease",
    "A lease or a running job of a process that ended; another process takes it over by itself.",
    "The lease is removed.",
    "",
    damage=False,
)

KINDS: tuple[Kind, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Kind))
"""All, in the order in which documents list them."""
