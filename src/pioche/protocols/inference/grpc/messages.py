"""The messages of `inference.GRPCInferenceService`, as the Open Inference Protocol and Triton's extension of it number them.

They are made here, when this is loaded: no generated code lies in the repo. They live in a pool of their own, since a client in
the same process may have registered the same names.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"
_FILE = "pioche/open_inference.proto"
_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "bool": _Field.TYPE_BOOL,
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
    "float": _Field.TYPE_FLOAT,
    "double": _Field.TYPE_DOUBLE,
}
_CHOICE = "parameter_choice"

# One line a message, its fields in the order of their numbers from 1 on. `[]` after a type: repeated; `{}`: a map from texts;
# `?`: one of the message's choice.
_MESSAGES: dict[str, str] = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "live bool",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "ready bool",
    "ModelReadyRequest": "name string, version string",
    "ModelReadyResponse": "ready bool",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "name string, version string, extensions string[]",
    "ModelMetadataRequest": "name string, version string",
    "ModelMetadataResponse": "name string, versions string[], platform string, inputs .TensorMetadata[], outputs .TensorMetadata[]",
    "ModelMetadataResponse.TensorMetadata": "name string, datatype string, shape int64[]",
    "InferParameter": (
        "bool_param bool?, int64_param int64?, string_param string?, double_param double?, uint64_param uint64?"
    ),
    "InferTensorContents": (
        "bool_contents bool[], int_contents int32[], int64_contents int64[], uint_contents uint32[], "
        "uint64_contents uint64[], fp32_contents float[], fp64_contents double[], bytes_contents bytes[]"
    ),
    "ModelInferRequest": (
        "model_name string, model_version string, id string, parameters InferParameter{}, inputs .InferInputTensor[], "
        "outputs .InferRequestedOutputTensor[], raw_input_contents bytes[]"
    ),
    "ModelInferRequest.InferInputTensor": (
        "name string, datatype string, shape int64[], parameters InferParameter{}, contents InferTensorContents"
    ),
    "ModelInferRequest.InferRequestedOutputTensor": "name string, parameters InferParameter{}",
    "ModelInferResponse": (
        "model_name string, model_version string, id string, parameters InferParameter{}, outputs .InferOutputTensor[], "
        "raw_output_contents bytes[]"
    ),
    "ModelInferResponse.InferOutputTensor": (
        "name string, datatype string, shape int64[], parameters InferParameter{}, contents InferTensorContents"
    ),
    "ModelStreamInferResponse": "error_message string, infer_response ModelInferResponse",
}
METHODS: dict[str, tuple[str, str, bool]] = {
    "ServerLive": ("ServerLiveRequest", "ServerLiveResponse", False),
    "ServerReady": ("ServerReadyRequest", "ServerReadyResponse", False),
    "ModelReady": ("ModelReadyRequest", "ModelReadyResponse", False),
    "ServerMetadata": ("ServerMetadataRequest", "ServerMetadataResponse", False),
    "ModelMetadata": ("ModelMetadataRequest", "ModelMetadataResponse", False),
    "ModelInfer": ("ModelInferRequest", "ModelInferResponse", False),
    "ModelStreamInfer": ("ModelInferRequest", "ModelStreamInferResponse", True),
}
"""What each takes and gives, and whether both are streams."""


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=PACKAGE, syntax="proto3")
    made = dict[str, descriptor_pb2.DescriptorProto]()
    for path, fields in _MESSAGES.items():
        outer, _, name = path.rpartition(".")
        message = made[path] = (made[outer].nested_type if outer else file.message_type).add(name=name)
        for number, field in enumerate(fields.split(", ") if fields else (), start=1):
            _add(message, f".{PACKAGE}.{path}", number, field)
    service = file.service.add(name="GRPCInferenceService")
    for name, (taken, told, is_stream) in METHODS.items():
        service.method.add(
            name=name,
            input_type=f".{PACKAGE}.{taken}",
            output_type=f".{PACKAGE}.{told}",
            client_streaming=is_stream,
            server_streaming=is_stream,
        )
    return file


def _add(message: descriptor_pb2.DescriptorProto, full_name: str, number: int, text: str) -> None:
    name, _, kind = text.partition(" ")
    field = message.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
    if kind.endswith("?"):
        kind = kind.removesuffix("?")
        if not message.oneof_decl:
            message.oneof_decl.add(name=_CHOICE)
        field.oneof_index = 0
    if kind.endswith(("[]", "{}")):
        field.label = _Field.LABEL_REPEATED
    if kind.endswith("{}"):
        entry = message.nested_type.add(name="ParametersEntry", options=descriptor_pb2.MessageOptions(map_entry=True))
        _add(entry, "", 1, "key string")
        _add(entry, "", 2, f"value {kind.removesuffix('{}')}")
        kind = ".ParametersEntry"
    kind = kind.removesuffix("[]")
    if kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type = _Field.TYPE_MESSAGE
        # With a dot before it: of this message.
        field.type_name = f"{full_name}{kind}" if kind.startswith(".") else f".{PACKAGE}.{kind}"


POOL = descriptor_pool.DescriptorPool()
POOL.AddSerializedFile(_file().SerializeToString())


def _made(name: str) -> Any:
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


CLASSES: dict[str, Any] = {name: _made(name) for name in _MESSAGES if "." not in name}
"""By their names."""
