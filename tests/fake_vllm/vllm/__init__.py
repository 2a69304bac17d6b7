"""A fake of vLLM, which cannot run where the tests do: it speaks the part of its API that the engine uses."""
