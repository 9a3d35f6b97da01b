"""Encoded pairs in flat arrays, and batches made from them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corpus import COPIES

END, UNKNOWN = 0, 1
"""Ids of `</s>` and `<unk>`; `<pad>` is the last id and also starts the target."""

MAX_TOKENS = 160
"""Longest side of an example; longer ones are not trained on."""


def vocabulary_order(joint, tags) -> list[str]:
    """Marian's order: `</s>`, `<unk>`, the pieces, the target tags, `<pad>`."""
    pieces = [joint.id_to_piece(i) for i in range(joint.get_piece_size())]
    ordinary = [piece for piece in pieces if piece not in {"<unk>", "<s>", "</s>"}]
    return ["</s>", "<unk>", *ordinary, *tags, "<pad>"]


def flat(rows: list[list[int]], kind=np.uint16) -> tuple[np.ndarray, np.ndarray]:
    """Rows one after another, and the offset where each begins."""
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return np.fromiter((value for row in rows for value in row), kind, int(offsets[-1])), offsets


@dataclass
class Pair:
    """All examples of one direction. Sources are `[tag, pieces..., </s>]`, targets `[pieces..., </s>]`."""

    source: np.ndarray  # [source tokens of all examples]
    source_at: np.ndarray  # [examples + 1]
    target: np.ndarray
    target_at: np.ndarray
    copies: np.ndarray  # [examples], mean showings in one pass
    line: np.ndarray  # [examples], row of the prepared file

    def __len__(self) -> int:
        return len(self.copies)

    @staticmethod
    def encode(joint, ids: dict[str, int], rows: list, tag: int) -> "Pair":
        """Drops examples longer than `MAX_TOKENS`."""
        to_id = [ids.get(joint.id_to_piece(i), UNKNOWN) for i in range(joint.get_piece_size())]
        sources, targets = joint.encode([r[0] for r in rows]), joint.encode([r[1] for r in rows])
        kept = [i for i in range(len(rows)) if max(len(sources[i]), len(targets[i])) <= MAX_TOKENS - 2]
        source, source_at = flat([[tag, *(to_id[x] for x in sources[i]), END] for i in kept])
        target, target_at = flat([[*(to_id[x] for x in targets[i]), END] for i in kept])
        copies = np.array([COPIES.get(rows[i][2], 1.0) for i in kept], np.float32)
        return Pair(source, source_at, target, target_at, copies, np.array(kept, np.int64))

    def save(self, work: Path, pair: str) -> None:
        (work / "tokens").mkdir(exist_ok=True)
        np.savez(work / "tokens" / f"{pair}.npz", **vars(self))

    @staticmethod
    def load(work: Path, pair: str) -> "Pair":
        with np.load(work / "tokens" / f"{pair}.npz") as arrays:
            return Pair(**arrays)
