"""Word links between the pieces of each example, for guided alignment.

    python scripts/train/align.py --work WORK

eflomal in both directions, joined by grow-diag-final. Writes `WORK/links/PAIR.npz` (see `Links`).
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corpus import PAIRS
from tokens import Pair, flat

NEIGHBOURS = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]


@dataclass
class Links:
    """Links of all examples of a pair, in the order of `Pair`; positions count the tag, so pieces start at 1."""

    source: np.ndarray  # [links], position in the example's source
    target: np.ndarray  # [links], position in the example's target
    at: np.ndarray  # [examples + 1]

    @staticmethod
    def none(examples: int) -> "Links":
        return Links(np.zeros(0, np.uint8), np.zeros(0, np.uint8), np.zeros(examples + 1, np.int64))

    @staticmethod
    def path(work: Path, pair: str) -> Path:
        return work / "links" / f"{pair}.npz"

    @staticmethod
    def load(work: Path, pair: str) -> "Links":
        with np.load(Links.path(work, pair)) as arrays:
            return Links(**arrays)


def grow_diag_final(forward: set, backward: set) -> set:
    """Koehn, Och and Marcu 2003: intersection, grown by neighbours of the union, then links of uncovered words."""
    union, links = forward | backward, forward & backward
    sources, targets = {i for i, _ in links}, {j for _, j in links}
    fresh = sorted(links)
    while fresh:
        grown = []
        for i, j in fresh:
            for di, dj in NEIGHBOURS:
                near = (i + di, j + dj)
                if near in union and near not in links and (near[0] not in sources or near[1] not in targets):
                    links.add(near)
                    sources.add(near[0])
                    targets.add(near[1])
                    grown.append(near)
        fresh = grown
    for direction in (forward, backward):
        for i, j in sorted(direction):
            if (i not in sources or j not in targets) and (i, j) not in links:
                links.add((i, j))
                sources.add(i)
                targets.add(j)
    return links


def read_links(path: Path):
    """Yields the links of one line as a set of (source, target)."""
    with path.open() as lines:
        for line in lines:
            yield {tuple(map(int, link.split("-"))) for link in line.split()}


def align(work: Path, pair: str) -> None:
    import eflomal  # here, so that training does not need it

    started, examples = time.time(), Pair.load(work, pair)
    pieces = lambda ids, at, first: [" ".join(map(str, ids[a + first : b - 1])) for a, b in zip(at[:-1], at[1:])]
    forward, backward = work / f"{pair}.forward", work / f"{pair}.backward"
    eflomal.Aligner().align(
        pieces(examples.source, examples.source_at, 1),
        pieces(examples.target, examples.target_at, 0),
        links_filename_fwd=str(forward),
        links_filename_rev=str(backward),
    )
    rows = [sorted(grow_diag_final(f, b)) for f, b in zip(read_links(forward), read_links(backward))]
    source, at = flat([[i + 1 for i, _ in row] for row in rows], np.uint8)
    target, _ = flat([[j for _, j in row] for row in rows], np.uint8)
    Links.path(work, pair).parent.mkdir(exist_ok=True)
    np.savez(Links.path(work, pair), source=source, target=target, at=at)
    forward.unlink()
    backward.unlink()
    print(f"{pair}: {len(source)} links in {time.time() - started:.0f} s", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--work", type=Path, required=True)
    args = options.parse_args()
    for pair in PAIRS:
        align(args.work, pair)


if __name__ == "__main__":
    main()
