#!/usr/bin/env python3
"""Times `dolmetsch bench --device cuda` and transformers' `generate` in turn, on one GPU and one model.

The model has opus-mt's shape and random weights (seeded); --builtin measures the built-in model as well. Both sides
get sources of 26 random tokens and write 28, with the same beam, in batches of the same size and in fp16. Ratios are
ours / theirs, as minimum, median and maximum of the rounds. GPU memory is how much more is in use on the device
during our run than before it, and the most that PyTorch's allocator reserved during theirs.

    scripts/bench_vs_transformers_gpu.py --program ./dolmetsch --builtin

Needs torch and transformers, and of this repository scripts/, tests/fixtures/stand-in and, for --builtin,
models/builtin; no Rust. Where there is no GPU, `--device cpu --tiny` runs all of it with a model of a toy's size in
f32, which says nothing about speed.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import torch
import transformers
from transformers import MarianConfig, MarianMTModel

ROOT = Path(__file__).resolve().parent.parent
STAND_IN = ROOT / "tests" / "fixtures" / "stand-in"
SOURCE_TOKENS, TARGET_TOKENS = 26, 28
OPUS_MT = dict(vocab_size=58_101, d_model=512, layers=6, heads=8, ffn_dim=2048)
TINY = dict(vocab_size=1_200, d_model=32, layers=2, heads=4, ffn_dim=64)


def make_model(folder, vocab_size, d_model, layers, heads, ffn_dim):
    """A Marian model with random weights and the stand-in's tokenizer, its vocabulary filled up."""
    folder.mkdir(parents=True)
    torch.manual_seed(7)
    config = MarianConfig(
        vocab_size=vocab_size, d_model=d_model, encoder_layers=layers, decoder_layers=layers,
        encoder_attention_heads=heads, decoder_attention_heads=heads, encoder_ffn_dim=ffn_dim,
        decoder_ffn_dim=ffn_dim, activation_function="swish", max_position_embeddings=512,
        scale_embedding=True, pad_token_id=vocab_size - 1, eos_token_id=0,
        decoder_start_token_id=vocab_size - 1, forced_eos_token_id=0, num_beams=4,
    )
    MarianMTModel(config).save_pretrained(folder)
    for name in ("source.spm", "target.spm"):
        shutil.copy(STAND_IN / name, folder)
    names = [name for name in json.loads((STAND_IN / "vocab.json").read_text()) if name != "<pad>"]
    names += [f"extra{i}" for i in range(len(names), vocab_size - 1)] + ["<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}))


class Transformers:
    """Their side: a model on the device, and sources of random tokens."""

    def __init__(self, folder, device):
        dtype = torch.float16 if device == "cuda" else torch.float32
        self.device = device
        self.model = MarianMTModel.from_pretrained(folder, dtype=dtype).to(device).eval()
        torch.manual_seed(7)

    def sources(self, sentences):
        pad = self.model.config.pad_token_id
        tokens = torch.randint(1, pad, (sentences, SOURCE_TOKENS))
        tokens[:, -1] = self.model.config.eos_token_id
        return tokens

    def generate(self, tokens, beam, target_tokens):
        output = self.model.generate(
            input_ids=tokens.to(self.device), attention_mask=torch.ones_like(tokens).to(self.device),
            num_beams=beam, do_sample=False, min_new_tokens=target_tokens, max_new_tokens=target_tokens,
            early_stopping=False,
        )
        # The start token is not one of those that were written.
        assert output.shape == (len(tokens), target_tokens + 1), output.shape
        return output

    def synchronize(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    @torch.inference_mode()
    def run(self, beam, batch, sentences):
        """Tokens of the best hypotheses per second."""
        tokens = self.sources(sentences)
        self.generate(tokens[:batch], beam, 4)
        self.synchronize()
        begun = time.perf_counter()
        for first in range(0, sentences, batch):
            self.generate(tokens[first : first + batch], beam, TARGET_TOKENS)
        self.synchronize()
        return sentences * TARGET_TOKENS / (time.perf_counter() - begun)

    def peak_memory_mb(self):
        return torch.cuda.max_memory_reserved() / 1e6 if self.device == "cuda" else 0.0

    def in_use_mb(self):
        """Memory in use on the device, ours and others'."""
        if self.device != "cuda":
            return 0.0
        free, total = torch.cuda.mem_get_info()
        return (total - free) / 1e6

    def free(self):
        """Gives the memory that the allocator keeps back to the device, for us."""
        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()


def ours(options, folder, batch, sentences):
    command = [options.program, "bench", "--model", folder, "--beam", options.beam, "--batch", batch,
               "--sentences", sentences, "--source-tokens", SOURCE_TOKENS, "--target-tokens", TARGET_TOKENS,
               "--device", options.device, "--format", "json"]
    if options.device == "cpu":
        command += ["--engine", "reference", "--compute", "f32"]
    output = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE)
    return json.loads(output.stdout)


def compare(options, name, folder):
    theirs = Transformers(folder, options.device)
    for batch in options.batches:
        sentences = batch * options.batches_a_round
        rounds, record, our_memory, their_memory = [], {}, 0.0, 0.0
        for _ in range(options.rounds):
            theirs.free()
            their_speed = theirs.run(options.beam, batch, sentences)
            their_memory = max(their_memory, theirs.peak_memory_mb())
            theirs.free()
            before = theirs.in_use_mb()
            record = ours(options, folder, batch, sentences)
            our_memory = max(our_memory, (record["peak_gpu_mb"] or 0.0) - before)
            rounds.append((record["tokens_per_second"], their_speed))
        ratios = [our / their for our, their in rounds]
        our_median, their_median = (statistics.median(column) for column in zip(*rounds))
        print(f"| {name}, batch {batch} | {our_median:.0f} | {their_median:.0f} | "
              f"{min(ratios):.2f} / {statistics.median(ratios):.2f} / {max(ratios):.2f} | "
              f"{record['step_ms']:.2f} | {our_memory:.0f} | {their_memory:.0f} |", flush=True)
    return record


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/dolmetsch")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--work", type=Path, default=Path("/tmp/dolmetsch-bench-gpu"))
    parser.add_argument("--batches", type=lambda text: [int(n) for n in text.split(",")], default=[64, 256, 1024])
    parser.add_argument("--batches-a-round", type=int, default=2)
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--builtin", action="store_true", help="the built-in model as well")
    parser.add_argument("--tiny", action="store_true", help="a model of a toy's size in place of opus-mt's")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()

    shape = TINY if options.tiny else OPUS_MT
    folder = options.work / ("tiny" if options.tiny else "opus-mt")
    if not folder.exists():
        make_model(folder, **shape)
    gpu = torch.cuda.get_device_name() if options.device == "cuda" else "no GPU"
    print(f"{gpu}, torch {torch.__version__}, transformers {transformers.__version__}, beam {options.beam}, "
          f"{SOURCE_TOKENS} tokens into {TARGET_TOKENS}, {options.rounds} rounds\n")
    print("| model | dolmetsch tokens/s | transformers tokens/s | ratio min / median / max | our ms a step "
          "| our GPU memory, MB | torch's, MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    record = compare(options, folder.name, folder)
    if options.builtin:
        record = compare(options, "built-in", ROOT / "models" / "builtin")
    print(f"\nours: {record['isa']}, {record['compute']}")


if __name__ == "__main__":
    main()
