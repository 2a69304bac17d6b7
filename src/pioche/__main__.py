"""`python -m pioche` is `pioche`."""

import sys

from pioche.cli import main

sys.exit(main())
