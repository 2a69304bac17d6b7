"""Encoders on ONNX Runtime: no torch, loaded in less than a second."""

from pathlib import Path

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as raised

from pioche.errors import EngineFailed
from pioche.serving.engines.encoders import Encoders
from pioche.serving.engines.encoders.encoder import Columns, Encoder, Outputs
from pioche.serving.spec import Spec

_RAISED = (raised.Fail, raised.InvalidArgument, raised.RuntimeException, raised.NotImplemented, raised.InvalidGraph)
_RAISED_AT_LOAD = (*_RAISED, raised.NoSuchFile, raised.InvalidProtobuf, raised.NoModel, raised.EPFail)


def load(spec: Spec, folder: Path) -> Encoders:
    return Encoders(Encoder(folder, lambda: open_network(folder / spec.files[0], spec.threads)))


def open_network(path: Path, threads: int) -> "Network":
    """Raises EngineFailed."""
    return Network(path, threads)


class Network:
    def __init__(self, path: Path, threads: int) -> None:
        self._session = _open(path, threads)
        self.inputs = {put.name for put in self._session.get_inputs()}
        self._outputs = [put.name for put in self._session.get_outputs()]

    def run(self, columns: Columns) -> Outputs:
        try:
            return dict(zip(self._outputs, self._session.run(self._outputs, columns), strict=True))
        except _RAISED as error:
            raise EngineFailed(f"The model failed: {error}") from None

    def close(self) -> None:
        del self._session


def _open(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads that spin take the cores from other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except _RAISED_AT_LOAD as error:
        raise EngineFailed(f"The weights cannot be loaded: {error}") from None
