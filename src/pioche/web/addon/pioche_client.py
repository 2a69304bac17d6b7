"""Sends what huggingface_hub asks of models to the hub that HF_ENDPOINT names.

HF_ENDPOINT moves everything that the client does with repos. Where it asks models, and where it manages endpoints, are
addresses in its source; this puts the hub's in their place, after the modules that hold them were imported. Nothing else is
changed, and nothing at all while HF_ENDPOINT is the public Hub.

`pioche_client.pth`, beside this file, imports it whenever Python starts; so it imports next to nothing itself. To be rid of
it: pip uninstall pioche-client.
"""

import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_PUBLIC = ("huggingface.co", "hf.co")


def _endpoint(constants: Any) -> str | None:
    """The hub's address; None: it is the public one's."""
    endpoint: str = constants.ENDPOINT.rstrip("/")
    host = endpoint.partition("://")[2].partition("/")[0].partition(":")[0].lower()
    return None if any(host == public or host.endswith("." + public) for public in _PUBLIC) else endpoint


def _change_constants(constants: Any) -> None:
    endpoint = _endpoint(constants)
    if endpoint is None:
        return
    constants.INFERENCE_PROXY_TEMPLATE = endpoint + "/{provider}"
    constants.INFERENCE_ENDPOINTS_ENDPOINT = endpoint + "/api/endpoints/v2"
    if "HF_INFERENCE_ENDPOINT" not in os.environ:  # noqa: TID251 - this runs beside the client, not here
        constants.INFERENCE_ENDPOINT = endpoint


def _change_providers(providers: Any) -> None:
    """From version 1 on, chat with no provider named goes to a router, whose address stands in a constructor."""
    endpoint = _endpoint(providers.constants)
    router = getattr(providers, "AutoRouterConversationalTask", None)
    if endpoint is None or router is None:
        return
    original = router.__init__

    def init(self: Any) -> None:
        original(self)
        self.base_url = endpoint

    router.__init__ = init


_CHANGES: dict[str, Callable[[Any], None]] = {
    "huggingface_hub.constants": _change_constants,
    "huggingface_hub.inference._providers._common": _change_providers,
}


class _Finder:
    """Finds what the others find, and has it changed once it was imported."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        change = _CHANGES.get(name)
        if change is None:
            return None
        others = (finder for finder in sys.meta_path if finder is not cls)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            _follow(spec.loader, change)
        return spec


def _follow(loader: Any, change: Callable[[Any], None]) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        change(module)

    loader.exec_module = exec_module


def _install() -> None:
    sys.meta_path.insert(0, _Finder)
    for name, change in _CHANGES.items():  # what was imported before this was
        if (module := sys.modules.get(name)) is not None:
            change(module)


_install()
