"""What can be shown of a file without taking it all: its kind, the members of an archive, a picture's size.

Files are untrusted: every reader here counts the bytes and the reads that it asks for, stops at its limits and says so, and
raises Unreadable for bytes that are not what their name says.

kinds      how a file is shown, by its name, size and first bytes
looking    the way in: a look into a file, done by a worker of its own (worker)
stored     where the bytes come from; spans, a file as something to seek in, with a budget
archives   zip, tar
arrays     npy, npz
images     width and height
weights    safetensors, gguf
pickles    what a pickle would import
graphs     ONNX
columns    Parquet
documents  configurations and tokenizers; pdfs
"""
