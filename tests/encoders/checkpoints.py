"""A CLIP checkpoint as tests need one: real in every file, tiny, its weights random."""

import json
from pathlib import Path


def write_clip(folder: Path, seed: int = 0, side: int = 32) -> Path:
    import torch
    from transformers import CLIPConfig, CLIPModel

    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(97, 123)]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    last = len(words) - 1
    tokens = {"bos_token_id": last - 1, "eos_token_id": last, "pad_token_id": last}
    torch.manual_seed(seed)
    config = CLIPConfig(
        projection_dim=24,
        text_config={**layers, **tokens, "vocab_size": len(words), "max_position_embeddings": 20},
        vision_config={**layers, "image_size": side, "patch_size": 8},
    )
    CLIPModel(config).save_pretrained(folder)
    return folder
