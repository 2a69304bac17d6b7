"""Models that are asked, in the words of the APIs that tools speak. Each is translated to one `serving.spec.Ask`.

    tasks.py      the task API: POST /models/ns/name, with JSON or the bytes of an image or a sound
    openai.py     /v1/embeddings, /v1/chat/completions, ...: of all models, and below the address of each
    tei.py        embeddings and rerank as text-embeddings-inference has them, below the address of each
    tgi.py        /generate and /generate_stream of text-generation-inference, below the address of each
    rerank.py     /v1/rerank, as Cohere, Jina and vLLM have it
    speech.py     OpenAI's /v1/audio: text from sound
    oip.py        the Open Inference Protocol, version 2: tensors, below /v2/models
    grpc/         the same by gRPC, in a process of its own
    signatures.py which tensors each task takes and gives
    tensors.py    tensors as JSON and as bytes
    asking.py     what they share: which model, how long to wait, what is sent back

The right to read a model's files is the right to ask it.
"""
