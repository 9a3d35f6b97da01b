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
        return Pair(source, source_at, target, target_at, copies)

    def save(self, work: Path, pair: str) -> None:
        (work / "tokens").mkdir(exist_ok=True)
        np.savez(work / "tokens" / f"{pair}.npz", **vars(self))

    @staticmethod
    def load(work: Path, pair: str) -> "Pair":
        with np.load(work / "tokens" / f"{pair}.npz") as arrays:
            return Pair(**arrays)


@dataclass
class Batch:
    """Padded examples. Alignment links are listed flat, with the share each has of its target token."""

    source: np.ndarray  # [batch, src_len] int64, padded with the pad id
    source_len: np.ndarray  # [batch]
    target_in: np.ndarray  # [batch, tgt_len], starts with pad, without the last token
    target: np.ndarray  # [target tokens], unpadded
    target_rows: np.ndarray  # [target tokens], row of each in the flattened [batch * tgt_len]
    link_cells: np.ndarray  # [links], cell in the flattened [batch * tgt_len, src_len]
    link_share: np.ndarray  # [links] float32, 1 / links of the target token


def ragged(values: np.ndarray, at: np.ndarray, picked: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The picked rows of a flat array joined, the row number of each value, and its position in its row."""
    lengths = at[picked + 1] - at[picked]
    row = np.repeat(np.arange(len(picked)), lengths)
    within = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return values[at[picked][row] + within].astype(np.int64), row, within


class Dataset:
    """All pairs as one list of examples, those of `pairs[i]` after those of `pairs[i-1]`."""

    def __init__(self, pairs: list[Pair], links: list, pad: int):
        self.pad = pad
        join = lambda name: np.concatenate([getattr(pair, name) for pair in pairs])
        self.source, self.source_at = join("source"), join_offsets([pair.source_at for pair in pairs])
        self.target, self.target_at = join("target"), join_offsets([pair.target_at for pair in pairs])
        self.copies = join("copies")
        self.link_source = np.concatenate([link.source for link in links])
        self.link_target = np.concatenate([link.target for link in links])
        self.link_at = join_offsets([link.at for link in links])

    def epoch(self, budget: int, rng: np.random.Generator) -> list[np.ndarray]:
        """One pass as lists of example numbers; each batch has at most `budget` padded tokens on its longer side.

        Batches 2i and 2i+1 are of like length, so that two processes that take one each finish together.
        """
        shown = np.floor(self.copies + rng.random(len(self.copies), np.float32)).astype(np.int64)
        order = rng.permutation(np.repeat(np.arange(len(shown)), shown))
        source_len, target_len = np.diff(self.source_at), np.diff(self.target_at)
        pool, batches = 60_000, []
        for start in range(0, len(order), pool):
            part = order[start : start + pool]
            noise = rng.random(len(part))  # so that ties and near-ties mix anew
            part = part[np.argsort(np.maximum(source_len[part], target_len[part]) + noise)]
            longest = np.maximum(source_len[part], target_len[part])
            begin, cut = 0, []
            for i in range(len(part)):
                if longest[i] * (i + 1 - begin) > budget:
                    cut.append(part[begin:i])
                    begin = i
            cut.append(part[begin:])
            for i in rng.permutation(len(cut) // 2):
                batches += cut[2 * i : 2 * i + 2]
        return batches

    def batch(self, picked: np.ndarray) -> Batch:
        tokens, row, within = ragged(self.source, self.source_at, picked)
        source_len = self.source_at[picked + 1] - self.source_at[picked]
        source = np.full((len(picked), source_len.max()), self.pad, np.int64)
        source[row, within] = tokens
        target, row, within = ragged(self.target, self.target_at, picked)
        width = within.max() + 1
        target_in = np.full((len(picked), width), self.pad, np.int64)
        inner = within < (self.target_at[picked + 1] - self.target_at[picked] - 1)[row]
        target_in[row[inner], within[inner] + 1] = target[inner]
        target_rows = row * width + within
        link_source, link_row, _ = ragged(self.link_source, self.link_at, picked)
        link_target, _, _ = ragged(self.link_target, self.link_at, picked)
        token = link_row * width + link_target
        share = 1 / np.bincount(token, minlength=len(picked) * width)[token] if len(token) else np.zeros(0)
        cells = token * source.shape[1] + link_source
        return Batch(source, source_len, target_in, target, target_rows, cells, share.astype(np.float32))


def join_offsets(parts: list[np.ndarray]) -> np.ndarray:
    """Offsets of arrays that are laid one after another."""
    joined, base = [np.zeros(1, np.int64)], 0
    for at in parts:
        joined.append(at[1:] + base)
        base += at[-1]
    return np.concatenate(joined)
