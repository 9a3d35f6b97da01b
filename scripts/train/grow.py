"""Deepens the encoder of a checkpoint by stacking a copy of its layers on top (Gong et al. 2019).

    python scripts/train/grow.py --work WORK --encoder-layers 6

Rewrites `WORK/checkpoint.pt`; the old one stays as `WORK/checkpoint-shallow.pt`. Optimizer state is copied with the
weights it belongs to. Layer i of the new encoder is layer i modulo the old depth.
"""

import argparse
import re
import shutil
from dataclasses import replace
from pathlib import Path

import torch

import checkpoint
from model import Shape, split_embedding, split_weights


def deepen(vector: torch.Tensor, old: Shape, new: Shape) -> torch.Tensor:
    """One flat vector of the old shape laid out for the new one."""
    embedding, rest = split_embedding(vector, old)
    named = split_weights(rest, old)
    below = lambda match: f"encoder.layers.{int(match[1]) % old.encoder_layers}."
    parts = [named[re.sub(r"^encoder\.layers\.(\d+)\.", below, name)].flatten() for name in new.weights()]
    return torch.cat([embedding.flatten(), *parts])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--encoder-layers", type=int, required=True)
    args = options.parse_args()
    path = args.work / "checkpoint.pt"
    old, vectors, progress = checkpoint.load(path)
    new = replace(old, encoder_layers=args.encoder_layers)
    shutil.copyfile(path, args.work / "checkpoint-shallow.pt")
    checkpoint.save(path, new, {name: deepen(vector, old, new) for name, vector in vectors.items()}, progress)
    print(f"encoder {old.encoder_layers} → {new.encoder_layers} layers, {new.size() / 1e6:.2f} M weights")


if __name__ == "__main__":
    main()
