"""Server-sent events, as the streams of OpenAI and TGI have them."""

import msgspec

DONE = b"data: [DONE]\n\n"


def event(value: object) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def failure(task: str, message: str) -> bytes:
    """In the middle of a stream, where there is no status to say it with."""
    if task == "text-generation":
        return event({"error": message, "error_type": "generation"})
    return event({"error": {"message": message, "type": "server_error", "param": None, "code": None}})
