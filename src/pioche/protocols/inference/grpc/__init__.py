"""The Open Inference Protocol by gRPC, on a port and in a process of its own (docs/decisions/0041-open-inference.md).

    server.py    the port, health and reflection, how it ends
    service.py   what each call does
    tensors are read and written in contents.py; messages.py has the protocol's messages, and codes.py how it says no

Needs the extra `grpc`: nothing outside of this folder imports it before the setting grpc_port asks for it.
"""
