"""Who answers for a model: what lists are filtered by. Which models can be asked is for the package that serves them to say; the
composition root hands it in."""

from collections.abc import Callable, Collection
from typing import Final

HERE: Final = "hf-inference"
"""This hub itself, under the name that clients know for the public Hub's own service."""

Serves = Callable[[str, Collection[str]], bool]
"""Whether this hub can answer for a model of this task with files at these paths, of which some that lie deep may be missing."""
