#!/usr/bin/env python3
"""Times `dolmetsch bench` and CTranslate2 int8 in turn, on one model.

The model has opus-mt's shape and random weights (seeded). Both get the same
source tokens, the same forced target length and the same beam; CTranslate2 has
its best setting (CT2_FORCE_CPU_ISA=AVX512; the fastest of batch 8, 16 and 32 and
of workers and threads, found in a first round). Ratios are ours / theirs, as
minimum, median and maximum of the rounds.

    scripts/bench_vs_ctranslate2.py --program target/release/dolmetsch
    scripts/bench_vs_ctranslate2.py --text ../shared/data/.../ntrex.de --lines 500

With --text the built-in model translates real lines as well, both from start to
end in a process of their own: wall clock and peak memory.

On a machine that others use, --clock cpu compares the CPU time of both instead of
the wall clock; the report says which.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")

ROOT = Path(__file__).resolve().parent.parent
SOURCE_TOKENS, TARGET_TOKENS = 26, 28
VOCABULARY = 58_101
CORES = len(os.sched_getaffinity(0))


def make_model(folder):
    """A Marian model of opus-mt's shape that transformers can load as well."""
    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel

    folder.mkdir(parents=True)
    torch.manual_seed(7)
    config = MarianConfig(
        vocab_size=VOCABULARY, d_model=512, encoder_layers=6, decoder_layers=6,
        encoder_attention_heads=8, decoder_attention_heads=8, encoder_ffn_dim=2048,
        decoder_ffn_dim=2048, activation_function="swish", max_position_embeddings=512,
        scale_embedding=True, pad_token_id=VOCABULARY - 1, eos_token_id=0,
        decoder_start_token_id=VOCABULARY - 1, forced_eos_token_id=0, num_beams=4,
    )
    MarianMTModel(config).save_pretrained(folder)
    sentences = [" ".join(f"w{i * j % 97}" for j in range(9)) for i in range(1, 400)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_prefix=str(folder / "source"), vocab_size=120,
        bos_id=-1, pad_id=-1, eos_id=0, unk_id=1, hard_vocab_limit=False, minloglevel=2,
    )
    (folder / "source.spm").write_bytes((folder / "source.model").read_bytes())
    (folder / "target.spm").write_bytes((folder / "source.model").read_bytes())
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.model"))
    names = [pieces.id_to_piece(i) for i in range(pieces.get_piece_size())]
    names += [f"extra{i}" for i in range(len(names), VOCABULARY - 1)] + ["<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}))


def convert(folder, target, quantization="int8"):
    """What ct2-transformers-converter --quantization int8 does."""
    from ctranslate2.converters.transformers import MarianMTLoader
    from transformers import MarianMTModel

    model = MarianMTModel.from_pretrained(folder)
    spec = MarianMTLoader().get_model_spec(model.float())
    vocabulary = json.loads((folder / "vocab.json").read_text())
    tokens = sorted(vocabulary, key=vocabulary.get)[:-1]  # without <pad>
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.unk_token = "<unk>"
    spec.config.bos_token = spec.config.eos_token = spec.config.decoder_start_token = "</s>"
    spec.validate()
    spec.optimize(quantization=quantization)
    target.mkdir(parents=True)
    spec.save(str(target))


class CTranslate2:
    """Their side of the forced-length decoding, with one setting for each beam."""

    def __init__(self, folder, sentences, clock):
        self.folder, self.clock = folder, clock
        # The tokens differ from ours, but no time depends on which they are.
        vocabulary = json.loads((folder.parent / "model" / "vocab.json").read_text())
        names = list(vocabulary)
        self.sources = [
            [names[(i * 7919 + j * 104_729) % (len(names) - 3) + 2] for j in range(SOURCE_TOKENS - 1)]
            + ["</s>"]
            for i in range(sentences)
        ]
        self.translators = {}

    def translator(self, workers, threads):
        import ctranslate2

        if (workers, threads) not in self.translators:
            self.translators[workers, threads] = ctranslate2.Translator(
                str(self.folder), device="cpu", compute_type="int8",
                inter_threads=workers, intra_threads=threads,
            )
        return self.translators[workers, threads]

    def run(self, beam, setting, sentences):
        """Tokens of the best hypotheses per second."""
        workers, threads, batch = setting
        translator = self.translator(workers, threads)
        options = dict(
            beam_size=beam, max_batch_size=batch, min_decoding_length=TARGET_TOKENS,
            max_decoding_length=TARGET_TOKENS, max_input_length=0,
        )
        sources = self.sources[:sentences]
        translator.translate_batch(sources[: workers * batch][:8], **options)
        begun = self.clock()
        if batch == 1:
            results = [translator.translate_batch([source], **options)[0] for source in sources]
        else:
            results = translator.translate_batch(sources, **options)
        return sum(len(r.hypotheses[0]) for r in results) / (self.clock() - begun)

    def best_setting(self, beam, one_at_a_time, sentences):
        if one_at_a_time:
            settings = [(1, threads, 1) for threads in {1, CORES}]
        else:
            splits = {(CORES, 1), (1, CORES), (1, 1)}
            settings = [(w, t, batch) for w, t in splits for batch in (8, 16, 32)]
        return max(settings, key=lambda setting: self.run(beam, setting, sentences))


def ours(program, model, beam, sentences, one_at_a_time, isa, cpu):
    command = [program, "bench", "--model", model, "--beam", beam, "--sentences", sentences,
               "--source-tokens", SOURCE_TOKENS, "--target-tokens", TARGET_TOKENS, "--format", "json"]
    if one_at_a_time:
        command += ["--batch", 1]
    environment = dict(os.environ, **({"DOLMETSCH_ISA": isa} if isa else {}))
    output = subprocess.run([str(part) for part in command], env=environment, check=True,
                            stdout=subprocess.PIPE)
    record = json.loads(output.stdout)
    return record, sentences * TARGET_TOKENS / record["cpu_seconds"] if cpu else record["tokens_per_second"]


def summary(ratios):
    return f"{min(ratios):.2f} / {statistics.median(ratios):.2f} / {max(ratios):.2f}"


def forced_length(options, model, ct2):
    cpu = options.clock == "cpu"
    theirs = CTranslate2(ct2, 256, time.process_time if cpu else time.perf_counter)
    cases = [(f"beam {beam}, many sentences", beam, False) for beam in options.beams]
    cases.append(("beam 4, one at a time", 4, True))
    print(f"| case | dolmetsch tokens/s | CTranslate2 tokens/s (workers, threads, batch) | ratio min / median / max |")
    print("| --- | --- | --- | --- |")
    for name, beam, one_at_a_time in cases:
        sentences = options.single_sentences if one_at_a_time else options.sentences
        setting = theirs.best_setting(beam, one_at_a_time, sentences)
        rounds, record = [], {}
        for _ in range(options.rounds):
            their_speed = theirs.run(beam, setting, sentences)
            record, our_speed = ours(options.program, model, beam, sentences, one_at_a_time, options.isa, cpu)
            rounds.append((our_speed, their_speed))
        ratios = [our / their for our, their in rounds]
        ours_median, theirs_median = (statistics.median(column) for column in zip(*rounds))
        print(f"| {name} ({record['isa']}, {record['peak_rss_mb']:.0f} MB) | {ours_median:.0f} | "
              f"{theirs_median:.0f} {setting} | {summary(ratios)} |", flush=True)


THEIR_PROGRAM = """
import sys, ctranslate2, sentencepiece
folder, spm, threads = sys.argv[1:4]
pieces = sentencepiece.SentencePieceProcessor(model_file=spm)
lines = [line.rstrip("\\n") for line in sys.stdin]
sources = [[sys.argv[4]] + pieces.encode(line, out_type=str) + ["</s>"] for line in lines]
translator = ctranslate2.Translator(folder, device="cpu", compute_type="int8",
                                    inter_threads=int(threads), intra_threads=1)
results = translator.translate_batch(sources, beam_size=4, max_batch_size=int(sys.argv[5]),
                                     max_decoding_length=512)
for result in results:
    print(pieces.decode(result.hypotheses[0]))
"""


# A process of its own, since the memory of a process counts what its parent had
# when it was started: this one is small.
MEASURING_PROGRAM = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
process = subprocess.run(sys.argv[2:], stdin=open(sys.argv[1]), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
elapsed = time.perf_counter() - begun
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump([process.returncode, process.stdout.count(b"\\n"), elapsed, usage.ru_utime + usage.ru_stime,
           usage.ru_maxrss * 1.024 / 1000], sys.stdout)
"""


def measured(command, text, cpu):
    """Seconds and peak memory (MB) of a process that translates a file, from start to end."""
    output = subprocess.run([sys.executable, "-S", "-c", MEASURING_PROGRAM, str(text), *map(str, command)],
                            stdout=subprocess.PIPE, check=True).stdout
    code, lines, elapsed, cpu_seconds, peak = json.loads(output)
    assert code == 0 and lines == text.read_bytes().count(b"\n"), command
    return cpu_seconds if cpu else elapsed, peak


def real_text(options, work):
    """The built-in model on real lines, from the start of a process to its end."""
    builtin = ROOT / "models" / "builtin"
    folder = work / "builtin-ct2"
    if not folder.exists():
        convert(builtin, folder)
    text = work / "lines.de"
    text.write_bytes(b"".join(options.text.read_bytes().splitlines(keepends=True)[: options.lines]))
    cpu = options.clock == "cpu"

    def us(guard):
        return [options.program, "translate", "--model", "builtin", "--to", "en", "--lines", "--quiet",
                "--guard", guard]

    def them(batch):
        return [sys.executable, "-c", THEIR_PROGRAM, folder, builtin / "source.spm", CORES, ">>eng<<", batch]

    batch = min((8, 16, 32), key=lambda batch: measured(them(batch), text, cpu)[0])
    print(f"\n{options.lines} real lines, built-in model, start to end; CTranslate2 with batch {batch}\n")
    print("| case | ratio min / median / max | peak memory, dolmetsch | peak memory, CTranslate2 |")
    print("| --- | --- | --- | --- |")
    for name, guard in [("as CTranslate2, without a guard", "off"), ("with the guard and its retries", "on")]:
        ratios, peaks = [], []
        for _ in range(options.rounds):
            their_seconds, their_peak = measured(them(batch), text, cpu)
            our_seconds, our_peak = measured(us(guard), text, cpu)
            ratios.append(their_seconds / our_seconds)
            peaks.append((our_peak, their_peak))
        ours_peak, theirs_peak = (max(column) for column in zip(*peaks))
        print(f"| {name} | {summary(ratios)} | {ours_peak:.0f} MB | {theirs_peak:.0f} MB |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/dolmetsch")
    parser.add_argument("--work", type=Path, default=Path("/tmp/dolmetsch-bench"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beams", type=lambda text: [int(n) for n in text.split(",")], default=[4, 1, 6])
    parser.add_argument("--sentences", type=int, default=192)
    parser.add_argument("--single-sentences", type=int, default=8)
    parser.add_argument("--isa", help="DOLMETSCH_ISA for our side")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--text", type=Path, help="German lines, for the run on real text")
    parser.add_argument("--lines", type=int, default=500)
    options = parser.parse_args()

    model, ct2 = options.work / "model", options.work / "ct2"
    if not model.exists():
        make_model(model)
    if not ct2.exists():
        convert(model, ct2)
    print(f"{CORES} cores, CT2_FORCE_CPU_ISA={os.environ['CT2_FORCE_CPU_ISA']}, {options.clock} clock, "
          f"{options.rounds} rounds\n", flush=True)
    forced_length(options, model, ct2)
    if options.text:
        real_text(options, options.work)


if __name__ == "__main__":
    main()
