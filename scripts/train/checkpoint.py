"""One training state in one file, replaced atomically."""

import os
from dataclasses import asdict
from pathlib import Path

import torch

from model import Shape

VECTORS = ("theta", "mean", "square", "average")
"""Weights, Adam's two moments, and the moving average of the weights: flat float32, in `initial_weights` order."""


def save(path: Path, shape: Shape, vectors: dict[str, torch.Tensor], progress: dict[str, int]) -> None:
    fresh = path.with_suffix(".part")
    torch.save({"shape": asdict(shape), "progress": progress} | {name: vectors[name] for name in VECTORS}, fresh)
    os.replace(fresh, path)


def load(path: Path) -> tuple[Shape, dict[str, torch.Tensor], dict[str, int]]:
    state = torch.load(path, map_location="cpu")
    return Shape(**state["shape"]), {name: state[name] for name in VECTORS}, state["progress"]
