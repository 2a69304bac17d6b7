"""Puts the code of other projects into the wheel while it is built. An editable install has it from `make assets`."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
import build


class AssetsHook(BuildHookInterface):
    """Found by its base class (tool.hatch.build.hooks.custom)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """A wheel without its scripts would be half a hub: what fails here fails the build."""
        if version != "editable":
            build.ensure()
