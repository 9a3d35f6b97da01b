"""Batch translation with an exported model, through CTranslate2 (its converter reads the Hub's layout)."""

import re
import tempfile
from pathlib import Path

import ctranslate2
import sentencepiece

from corpus import TAGS


class Translator:
    """An exported model folder, ready to translate on the CPU."""

    def __init__(self, model: Path, threads: int = 2, max_length: int = 256):
        self.max_length = max_length  # target pieces
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(model / "source.spm"))
        converter = ctranslate2.converters.TransformersConverter(str(model))
        with tempfile.TemporaryDirectory() as folder:
            converter.convert(folder, force=True)
            self.engine = ctranslate2.Translator(folder, "cpu", inter_threads=1, intra_threads=threads)

    def encode(self, text: str, language: str) -> list[str]:
        """Source pieces with the target's tag first."""
        return [TAGS[language], *self.pieces.encode(text, out_type=str), "</s>"]

    def translate(self, texts: list[str], language: str, beam: int = 4) -> list[str]:
        """Length-normalised beam search, as `generation_config.json` asks for."""
        results = self.engine.translate_batch(
            [self.encode(text, language) for text in texts],
            beam_size=beam,
            max_batch_size=4096,
            batch_type="tokens",
            max_decoding_length=self.max_length,
        )
        return [self.join(result.hypotheses[0]) for result in results]

    def join(self, pieces: list[str]) -> str:
        return re.sub(r"\s+", " ", "".join(pieces).replace("▁", " ")).strip()
