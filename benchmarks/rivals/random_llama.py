"""`random_llama.py FOLDER`: gives the small checkpoint there the size of a real small language model, with numbers at random."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers

_SIZES = {
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "max_position_embeddings": 1024,
    "eos_token_id": None,
}


def main(folder: str) -> None:
    told = Path(folder) / "config.json"
    told.write_text(json.dumps({**json.loads(told.read_text()), **_SIZES}))
    torch.manual_seed(0)
    config = transformers.AutoConfig.from_pretrained(folder)
    kind: Any = transformers.AutoModelForCausalLM
    kind.from_config(config, dtype=torch.float32).save_pretrained(folder)


if __name__ == "__main__":
    main(sys.argv[1])
