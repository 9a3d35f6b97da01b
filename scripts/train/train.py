"""Trains the model on the CPU: one process per core, gradients summed in shared memory.

    python scripts/train/train.py --work WORK --minutes 60

Goes on from `WORK/checkpoint.pt` where there is one. The learning rate rises for `--warm-up` steps and then stays,
so that training can always go on; `--decay-steps N` instead makes N more steps with the rate falling to zero and
writes `WORK/decayed.pt`, leaving the checkpoint as it was. SIGTERM saves and ends.

Set MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184: page faults dominate without.
"""

import argparse
import json
import math
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as processes

import checkpoint
from align import Links
from corpus import PAIRS
from model import (
    CandidateCrossEntropy,
    Dropout,
    Shape,
    Transformer,
    guided_alignment,
    initial_weights,
    split_embedding,
)
from tokens import Batch, Dataset, Pair


@dataclass
class Team:
    """What the processes share. Every vector is flat float32 in shared memory."""

    vectors: dict[str, torch.Tensor]
    gradients: torch.Tensor  # [processes, size]
    squares: torch.Tensor  # [processes], squared gradient norm of each one's slice
    asked: torch.Tensor  # [1], set by SIGTERM
    orders: torch.Tensor  # [2], stop and save after this step; written by process 0 before the first barrier of a step
    barrier: object


def load_dataset(work: Path, pad: int) -> Dataset:
    """Pairs without links yet are trained on without guided alignment."""
    pairs = [Pair.load(work, pair) for pair in PAIRS]
    links = [
        Links.load(work, name) if Links.path(work, name).exists() else Links.none(len(pair))
        for name, pair in zip(PAIRS, pairs)
    ]
    return Dataset(pairs, links, pad)


class Loss:
    """Cross-entropy and alignment loss of a batch, and their gradients."""

    def __init__(self, shape: Shape, args: argparse.Namespace, seed: int):
        self.shape, self.args = shape, args
        self.network = Transformer(shape)
        self.forward = torch.compile(self.network.forward, dynamic=True) if args.compile else self.network.forward
        self.dropout = Dropout(args.dropout, seed)
        self.random = np.random.default_rng(seed)
        self.slot = np.zeros(shape.vocabulary, np.int64)  # candidate number of each vocabulary entry

    def candidates(self, target: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Entries to score, their log weight, and each target's number among them. <pad> is never one."""
        certain = np.zeros(self.shape.vocabulary - 1, bool)
        certain[: self.args.frequent] = True
        certain[target] = True
        rest = np.flatnonzero(~certain)
        certain = np.flatnonzero(certain)
        sampled = self.random.choice(rest, min(len(rest), max(256, self.args.candidates - len(certain))), replace=False)
        entries = np.concatenate([certain, sampled])
        self.slot[entries] = np.arange(len(entries))
        log_weight = torch.zeros(len(entries))
        if len(sampled):
            log_weight[len(certain) :] = math.log(len(rest) / len(sampled))
        return torch.from_numpy(entries), log_weight, torch.from_numpy(self.slot[target])

    def backward(self, embedding, rest, batch: Batch) -> tuple[float, float]:
        """Fills `embedding.grad` and `rest.grad`; returns cross-entropy (nats a token) and alignment loss."""
        embedding.grad.zero_()
        rest.grad.zero_()
        source_len = torch.from_numpy(batch.source_len)
        hidden = torch.arange(batch.source.shape[1]) >= source_len[:, None]  # [batch, src_len]
        source_bias = (hidden * -1e4).bfloat16()[:, None, None, :]
        source, target_in = torch.from_numpy(batch.source), torch.from_numpy(batch.target_in)
        masks = self.dropout.masks(self.shape, source.numel(), target_in.numel()) if self.args.dropout else None
        x = self.network.embed(embedding, source, embedding.grad)
        y = self.network.embed(embedding, target_in, embedding.grad)
        y, scores, bias = self.forward(rest, x, y, len(source), source_bias, masks)
        entropy = CandidateCrossEntropy.apply(
            y[torch.from_numpy(batch.target_rows)],
            embedding,
            embedding.grad,
            bias,
            *self.candidates(batch.target),
            self.args.smoothing,
        )
        links = torch.from_numpy(batch.link_cells), torch.from_numpy(batch.link_share)
        alignment = guided_alignment(scores, *links)
        (entropy + self.args.guidance * alignment).backward()
        embedding.grad[-1] = 0  # <pad> stays zero
        return entropy.item(), alignment.item()


class Adam:
    """Adam on this process's slice of the shared weights, with a moving average of them."""

    def __init__(self, team: Team, rank: int, args: argparse.Namespace):
        size = team.vectors["theta"].numel()
        self.slice = slice(rank * size // args.processes, (rank + 1) * size // args.processes)
        self.team, self.rank, self.args = team, rank, args
        self.own = {name: vector[self.slice] for name, vector in team.vectors.items()}
        self.weights = torch.nn.Parameter(self.own["theta"])
        self.optimizer = torch.optim.Adam([self.weights], betas=(0.9, 0.98), eps=1e-9, fused=True)

    def step(self, number: int, rate: float) -> None:
        """Sums the gradients of all processes, clips their norm to 1, updates. Two barriers."""
        gradient = self.team.gradients[:, self.slice].mean(0)
        self.team.squares[self.rank] = gradient.square().sum()
        self.team.barrier.wait()
        norm = float(self.team.squares.sum()) ** 0.5
        self.weights.grad = gradient.mul_(min(1.0, 1 / (norm + 1e-6)))
        if not self.optimizer.state:
            moments = {"exp_avg": self.own["mean"], "exp_avg_sq": self.own["square"]}
            self.optimizer.state[self.weights] = {"step": torch.tensor(float(number))} | moments
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        if number % 4 == 0:
            keep = min(self.args.average, (number + 1) / (number + 40))  # per 4 steps; short memory at the start
            self.own["average"].lerp_(self.own["theta"], 1 - keep)
        self.team.barrier.wait()


def rate_at(step: int, decay_from: int, args: argparse.Namespace) -> float:
    if args.decay_steps:
        return args.rate * max(0.0, 1 - (step - decay_from) / args.decay_steps)
    return args.rate * min(1.0, (step + 1) / args.warm_up)


def work(rank: int, team: Team, shape: Shape, progress: dict[str, int], args: argparse.Namespace) -> None:
    """One process: takes every `processes`-th batch."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    dataset = load_dataset(args.work, shape.vocabulary - 1)
    step, epoch, at = progress["step"], progress["epoch"], progress["batch"]
    loss = Loss(shape, args, seed=args.seed + 1000 * step + rank)
    adam = Adam(team, rank, args)
    embedding, rest = map(torch.nn.Parameter, split_embedding(team.vectors["theta"], shape))
    embedding.grad, rest.grad = split_embedding(team.gradients[rank], shape)
    started = told = saved = time.time()
    decay_from, seen, sums = step, 0, np.zeros(3)

    def give_orders():
        minutes, next_step = (time.time() - started) / 60, step + 1
        team.orders[0] = bool(
            team.asked[0]
            or (args.minutes and minutes > args.minutes)
            or (args.stop_at and next_step >= args.stop_at)
            or (args.decay_steps and next_step - decay_from >= args.decay_steps)
        )
        team.orders[1] = bool(team.orders[0] or time.time() - saved > args.save_minutes * 60)

    def report():
        now = time.time()
        print(
            f"step {step} pass {epoch + at / len(batches):.3f} minute {(now - started) / 60:.1f} "
            f"entropy {sums[0] / sums[2]:.3f} alignment {sums[1] / sums[2]:.3f} rate {rate:.2e} "
            f"pairs/s {seen / (now - told):.0f}",
            flush=True,
        )
        return now, 0, np.zeros(3)

    while True:
        batches = dataset.epoch(args.tokens, np.random.default_rng([args.seed, epoch]))
        while at + args.processes <= len(batches):
            batch = dataset.batch(batches[at + rank])
            sums += *loss.backward(embedding, rest, batch), 1
            if rank == 0:
                give_orders()
            team.barrier.wait()
            stop, save = team.orders.tolist()
            rate = rate_at(step, decay_from, args)
            adam.step(step, rate)
            step, at, seen = step + 1, at + args.processes, seen + len(batch.source) * args.processes
            if rank == 0 and step % args.report == 0:
                told, seen, sums = report()
            if rank == 0 and save:
                name = "decayed.pt" if args.decay_steps else "checkpoint.pt"
                progress = {"step": step, "epoch": epoch, "batch": at}
                checkpoint.save(args.work / name, shape, team.vectors, progress)
                saved = time.time()
            if save:
                team.barrier.wait()
            if stop:
                return
        epoch, at = epoch + 1, 0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--minutes", type=float, help="stop after this long; default never")
    options.add_argument("--stop-at", type=int, help="stop at this step; default never")
    options.add_argument("--decay-steps", type=int, default=0, help="make this many last steps on a branch")
    options.add_argument("--encoder-layers", type=int, default=6, help="of a new model; default 6")
    options.add_argument("--decoder-layers", type=int, default=2, help="of a new model; default 2")
    options.add_argument("--rate", type=float, default=1e-3, help="peak learning rate; default 0.001")
    options.add_argument("--warm-up", type=int, default=1000, help="steps; default 1000")
    options.add_argument("--tokens", type=int, default=2500, help="padded tokens per process and step; default 2500")
    options.add_argument("--dropout", type=float, default=0.1)
    options.add_argument("--smoothing", type=float, default=0.1, help="label smoothing; default 0.1")
    options.add_argument("--guidance", type=float, default=0.25, help="weight of the alignment loss; default 0.25")
    options.add_argument("--candidates", type=int, default=4096, help="vocabulary entries scored in a step")
    options.add_argument("--frequent", type=int, default=1500, help="first entries that are always scored")
    options.add_argument("--average", type=float, default=0.996, help="share of the moving average kept per 4 steps")
    options.add_argument("--compile", action="store_true", help="torch.compile the network; needs g++")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--report", type=int, default=100, help="steps between lines of the log")
    options.add_argument("--save-minutes", type=float, default=10)
    options.add_argument("--seed", type=int, default=1)
    args = options.parse_args()

    path = args.work / "checkpoint.pt"
    if path.exists():
        shape, vectors, progress = checkpoint.load(path)
    else:
        vocabulary = len(json.loads((args.work / "vocab.json").read_text(encoding="utf-8")))
        shape = Shape(vocabulary, encoder_layers=args.encoder_layers, decoder_layers=args.decoder_layers)
        theta = initial_weights(shape, args.seed)
        zero = torch.zeros_like(theta)
        vectors = {"theta": theta, "mean": zero, "square": zero.clone(), "average": theta.clone()}
        progress = {"step": 0, "epoch": 0, "batch": 0}
    print(f"{shape}, {shape.size() / 1e6:.2f} M weights, from step {progress['step']}", flush=True)
    team = Team(
        vectors={name: vector.share_memory_() for name, vector in vectors.items()},
        gradients=torch.zeros(args.processes, shape.size()).share_memory_(),
        squares=torch.zeros(args.processes).share_memory_(),
        asked=torch.zeros(1, dtype=torch.bool).share_memory_(),
        orders=torch.zeros(2, dtype=torch.bool).share_memory_(),
        barrier=processes.get_context("spawn").Barrier(args.processes),
    )
    context = processes.spawn(work, (team, shape, progress, args), args.processes, join=False)
    signal.signal(signal.SIGTERM, lambda *_: team.asked.fill_(True))
    while not context.join():
        pass


if __name__ == "__main__":
    main()
