"""Words and stems as `src/guard/words.rs` makes them: the lexicon's keys."""

import re
import unicodedata

WORD = re.compile(r"[^\W\d_]+")
"""Runs of letters (combining marks do not occur in NFC German, English or Vietnamese)."""

FOLD = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss"})

ENGLISH_ENDINGS = [("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("ly", ""), ("es", ""), ("s", "")]


def german(word: str) -> str:
    """CISTEM (Weissweiler & Fraser 2017) without its case rule."""
    word = word.translate(FOLD)
    if word.startswith("ge") and len(word) >= 6:
        word = word[2:]
    while len(word) > 3:
        if len(word) > 5 and word.endswith(("em", "er", "nd")):
            word = word[:-2]
        elif word.endswith(("t", "e", "s", "n")):
            word = word[:-1]
        else:
            break
    return word


def english(word: str) -> str:
    """One inflectional ending taken off, then a silent or doubled letter."""
    for ending, instead in ENGLISH_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + instead
            break
    if len(word) > 3 and word.endswith("e"):
        return word[:-1]
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "aeiou":
        return word[:-1]
    return word


STEM = {"de": german, "en": english, "vi": lambda word: word}


def stems(text: str, language: str) -> list[str]:
    """The stem of each word of `text`."""
    text = unicodedata.normalize("NFC", text).lower()
    stem = STEM[language]
    return [stem(word) for word in WORD.findall(text)]
