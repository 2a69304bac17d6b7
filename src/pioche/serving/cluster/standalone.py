"""A model of a hub as an application of Ray Serve, without the hub: what `pioche deploy-export --format ray` names.

    POST /    {"inputs": ..., "parameters": {...}}, as the task API has it
    GET  /    whether it is there

A replica downloads the files that its engine needs (`HF_ENDPOINT`, `HF_TOKEN`), and starts the ordinary worker, in a sandbox.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from huggingface_hub import HfApi, snapshot_download

from pioche.errors import EngineFailed
from pioche.serving import choice, needs
from pioche.serving.cluster.front import Front, Message, Receive, Send, body_of, say
from pioche.serving.cluster.orders import Order
from pioche.serving.spec import Ask, Spec

_NO_SECRET = ""
_LEVEL = "limits"


class _Given(msgspec.Struct):
    inputs: object
    parameters: dict[str, object] = {}


class Standalone(Front):
    """Answers whoever reaches it: rights are the cluster's business."""

    def __init__(self, repo: str, revision: str, task: str, threads: int = 1) -> None:
        """Raises EngineFailed with the reason; Ray shows it."""
        info = HfApi().model_info(repo, revision=revision, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        chosen = choice.choose(task, sizes)
        needs.check(chosen.engine)
        folder = Path(tempfile.mkdtemp(prefix="pioche-model-"))
        folder.chmod(0o755)  # the worker may be another user
        snapshot_download(repo, revision=revision, allow_patterns=list(chosen.files), local_dir=folder)
        spec = Spec(repo=repo, commit=revision, engine=chosen.engine, task=task, files=chosen.files, threads=threads)
        self._task = task
        super().__init__(
            Order(
                spec=spec,
                snapshot=str(folder.resolve()),
                memory_bytes=needs.memory_most(needs.memory(spec.engine, sum(sizes[path] for path in spec.files))),
                secret=_NO_SECRET,
                sandbox=_LEVEL,
                hidden="",
            )
        )
        self._held.callback(shutil.rmtree, folder, ignore_errors=True)
        if self.refused is not None:
            self._held.close()
            raise EngineFailed(self.refused.message)

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await say(send, 200, b"{}")
            return
        try:
            given = msgspec.json.decode(await body_of(receive), type=_Given)
        except msgspec.DecodeError as error:
            await say(send, 400, msgspec.json.encode({"error": str(error)}))
            return
        ask = msgspec.json.encode(Ask(self._task, given.inputs, given.parameters))
        await self._pass_on(scope, "/infer", ask, receive, send)


def build(args: dict[str, Any]) -> Any:
    """What `import_path` of a config file names. `args`: `repo`, `revision`, `task`, and `threads` where it is not 1."""
    from pioche.serving.cluster.serve import application

    return application(Model, args, cores=int(args.get("threads", 1)))


class Model:
    """What Ray starts on a node."""

    def __init__(self, args: dict[str, Any]) -> None:
        self._standalone = Standalone(**args)

    def __serve_build_asgi_app__(self) -> Standalone:
        """Ray's name for it."""
        return self._standalone
