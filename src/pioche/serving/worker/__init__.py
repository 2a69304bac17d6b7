"""The process that serves one Spec, on a Unix socket. Start reading at `service.py`.

    python -m pioche.serving.worker FOLDER SOCKET SPEC

FOLDER holds the files of the Spec, which is JSON. The process ends with code 0 when it is sent SIGTERM, and with 3 when the
model cannot be loaded: the last line of its standard error says why, for the page of the model.
"""
