"""Writes a checkpoint as a Marian model in the Hub's layout.

    python scripts/train/export.py --work WORK --out models/builtin --weights average

`--weights average` is the moving average of `WORK/checkpoint.pt`, `theta` its last weights. The folder loads with
`transformers.MarianMTModel.from_pretrained`; tied weights are stored once, position tables not at all.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

import checkpoint
from model import Shape, split_embedding, split_weights
from tokens import UNKNOWN

FUSED = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "kv_proj": ("k_proj", "v_proj")}
HIDDEN = -1e4
"""Output bias of `<unk>` and `<pad>`, which no model should write."""


def marian_weights(theta: torch.Tensor, shape: Shape) -> dict[str, torch.Tensor]:
    """Weights under transformers' names, float32."""
    embedding, rest = split_embedding(theta, shape)
    named = {"model.shared.weight": embedding}
    for name, weight in split_weights(rest, shape).items():
        if name == "final_logits_bias":
            named[name] = weight[None].clone()
            named[name][0, [UNKNOWN, shape.vocabulary - 1]] = HIDDEN
            continue
        *path, layer, kind = name.split(".")
        parts = FUSED.get(layer, (layer,))
        for part, chunk in zip(parts, weight.chunk(len(parts))):
            named[".".join(["model", *path, part, kind])] = chunk
    return named


def config(shape: Shape) -> dict:
    pad = shape.vocabulary - 1
    sides = {}
    for side, layers in (("encoder", shape.encoder_layers), ("decoder", shape.decoder_layers)):
        sides[f"{side}_layers"], sides[f"{side}_layerdrop"] = layers, 0.0
        sides[f"{side}_attention_heads"], sides[f"{side}_ffn_dim"] = shape.heads, shape.ffn
    return sides | {
        "activation_dropout": 0.0,
        "activation_function": "swish",
        "architectures": ["MarianMTModel"],
        "attention_dropout": 0.0,
        "bos_token_id": None,
        "d_model": shape.width,
        "decoder_start_token_id": pad,
        "decoder_vocab_size": shape.vocabulary,
        "dropout": 0.0,
        "dtype": "float16",
        "eos_token_id": 0,
        "forced_eos_token_id": 0,
        "init_std": 0.02,
        "is_encoder_decoder": True,
        "max_position_embeddings": 512,
        "model_type": "marian",
        "normalize_before": False,
        "normalize_embedding": False,
        "pad_token_id": pad,
        "scale_embedding": True,
        "share_encoder_decoder_embeddings": True,
        "static_position_embeddings": True,
        "tie_word_embeddings": True,
        "use_cache": True,
        "vocab_size": shape.vocabulary,
    }


def generation(shape: Shape) -> dict:
    pad = shape.vocabulary - 1
    return {
        "bad_words_ids": [[pad]],
        "bos_token_id": None,
        "decoder_start_token_id": pad,
        "eos_token_id": 0,
        "forced_eos_token_id": 0,
        "max_length": 512,
        "num_beams": 4,
        "pad_token_id": pad,
    }


TOKENIZER = {
    "model_max_length": 512,
    "separate_vocabs": False,
    "source_lang": "de",
    "target_lang": "en+vi",
    "tokenizer_class": "MarianTokenizer",
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--checkpoint", default="checkpoint.pt", help="file in WORK; decayed.pt after --decay-steps")
    options.add_argument("--weights", choices=["average", "theta"], default="average")
    args = options.parse_args()
    shape, vectors, progress = checkpoint.load(args.work / args.checkpoint)
    args.out.mkdir(parents=True, exist_ok=True)
    weights = marian_weights(vectors[args.weights], shape)
    half = {name: weight.half().contiguous().clone() for name, weight in weights.items()}
    save_file(half, args.out / "model.safetensors", metadata={"format": "pt"})
    for name, content in (
        ("config.json", dict(sorted(config(shape).items()))),
        ("generation_config.json", generation(shape)),
        ("tokenizer_config.json", TOKENIZER),
    ):
        (args.out / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(args.work / "vocab.json", args.out / "vocab.json")
    for name in ("source.spm", "target.spm"):
        shutil.copyfile(args.work / "joint.model", args.out / name)
    (args.out / "model.safetensors").chmod(0o644)
    total = sum(path.stat().st_size for path in args.out.iterdir())
    print(f"{args.out}: {args.weights} of step {progress['step']}, {total / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
