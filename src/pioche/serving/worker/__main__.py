"""`python -m pioche.serving.worker FOLDER SOCKET SPEC`."""

import sys

from pioche.serving.worker import process

if __name__ == "__main__":
    raise SystemExit(process.run(*sys.argv[1:]))
