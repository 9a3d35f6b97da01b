"""Filters the parallel text and adds augmented copies.

    python scripts/train/prepare.py --data ../shared/data --work WORK

Reads `DATA/parallel/PAIR.tsv.zst`, writes `WORK/pairs/PAIR.tsv` (source TAB target TAB set) and prints what was
dropped and why. Augmented copies carry the set name `augment`.
"""

import argparse
import random
import re
import unicodedata
from collections import Counter
from pathlib import Path

from corpus import FORBIDDEN, NOISY, PAIRS, TOKENISED, held_out_skeletons, read_pairs, skeleton

MAX_WORDS = 90
STOPWORDS = {
    "de": set("der die das und ist nicht ein eine zu von mit den dem für auf sich des im ich sie es wir".split()),
    "en": set("the and is not a of to with for on that this it are was you we in be by".split()),
    "vi": set("là và của không có được một các cho người này với những trong để đã tôi".split()),
}
VIETNAMESE_MARK = re.compile(r"[ạảãàáâậầấẩẫăắằặẳẵóòọõỏôộổỗồốơờớợởỡéèẻẽẹêếềểễệúùụủũưựữửừứíìịỉĩýỳỷỵỹđ]", re.I)


def clean(text: str) -> str:
    """NFC, one space between words, no control characters."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(c for c in text if c == "\t" or unicodedata.category(c)[0] != "C")
    return " ".join(text.split())


def detokenise(text: str) -> str:
    """Undoes Moses-like tokenisation: `" Ja " , sagte sie .` becomes `"Ja", sagte sie.`"""
    text = re.sub(r"@-@", "-", text).replace("&quot;", '"').replace("&apos;", "'").replace("&amp;", "&")
    text = re.sub(r"(``|'')", '"', text)
    text = re.sub(r"\s*\"\s*([^\"]*?)\s*\"", r' "\1"', text)
    text = re.sub(r"\s+([,.;:!?%)\]])(?=\s|$|[\")])", r"\1", text)
    text = re.sub(r"\"\s+([,.;:!?])", r'"\1', text)
    text = re.sub(r"([(\[])\s+", r"\1", text)
    text = re.sub(r"\s+('(?:s|m|re|ve|ll|d|t)|n't)\b", r"\1", text)
    text = re.sub(r"(\d) \. (\d)", r"\1.\2", re.sub(r"(\d) , (\d)", r"\1,\2", text))
    return text.strip()


def in_language(words: list[str], language: str, text: str) -> bool:
    """False when the stop words of another language outnumber those of `language`."""
    if len(words) < 5:
        return True
    hits = {name: sum(word in stop for word in words) for name, stop in STOPWORDS.items()}
    if language == "vi" and not VIETNAMESE_MARK.search(text):
        return False
    return hits[language] >= max(hits.values())


def defect(source: str, target: str, pair: str) -> str | None:
    """The reason to drop this pair, or None."""
    source_words, target_words = source.casefold().split(), target.casefold().split()
    if not source_words or not target_words:
        return "empty"
    if max(len(source_words), len(target_words)) > MAX_WORDS:
        return "too long"
    if sum(c.isalpha() for c in source) < 0.4 * len(source) and len(source) > 12:
        return "few letters"
    if source == target and len(source_words) > 3:
        return "copy"
    ratio = (len(source) + 8) / (len(target) + 8)  # characters; the constant forgives short strings
    if not 0.45 <= ratio <= 2.2:
        return "length ratio"
    if sorted(re.findall(r"\d{3,}", source)) != sorted(re.findall(r"\d{3,}", target)) and len(source_words) < 12:
        return "numbers differ"
    source_language, target_language = pair.split("-")
    if not in_language(source_words, source_language, source) or not in_language(target_words, target_language, target):
        return "language"
    return None


def augment(pairs: list, pair: str, rng: random.Random) -> list:
    """ALL-CAPS, title-case, unpunctuated and concatenated copies, and copies of URLs and numbers."""
    added = []
    for index, (source, target, _) in enumerate(pairs):
        words = len(source.split())
        draw = rng.random()
        if draw < 0.02 and 1 < words < 30 and "%" not in source and "$" not in source:
            added.append((source.upper(), target.upper()))
        elif draw < 0.025 and 2 < words < 15 and "%" not in source and "$" not in source:
            added.append((title_case(source), title_case(target)))
        elif draw < 0.065 and words > 3 and source[-1] in ".!" and target[-1] in ".!":
            added.append((source[:-1].rstrip(), target[:-1].rstrip()))
        elif draw < 0.115 and index and words < 30 and source[-1] in ".!?" and pairs[index - 1][0][-1] in ".!?":
            before = pairs[index - 1]
            if len(before[0].split()) < 30:
                added.append((f"{before[0]} {source}", f"{before[1]} {target}"))
    for _ in range(len(pairs) // 150):
        added.append(verbatim_copy(pair, rng))
    return [(source, target, "augment") for source, target in added]


def title_case(text: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in text.split())


FRAMES = [
    {"de": "Siehe {}", "en": "See {}", "vi": "Xem {}"},
    {"de": "Mehr dazu unter {}.", "en": "More at {}.", "vi": "Xem thêm tại {}."},
    {"de": "Quelle: {}", "en": "Source: {}", "vi": "Nguồn: {}"},
    {"de": "Kontakt: {}", "en": "Contact: {}", "vi": "Liên hệ: {}"},
    {"de": "{}", "en": "{}", "vi": "{}"},
]
COUNTS = [
    {"de": "{} Euro", "en": "{} euros", "vi": "{} euro"},
    {"de": "{} Menschen", "en": "{} people", "vi": "{} người"},
    {"de": "Im Jahr {}", "en": "In the year {}", "vi": "Vào năm {}"},
    {"de": "{} Kilometer", "en": "{} kilometres", "vi": "{} ki-lô-mét"},
]
SYLLABLES = "an ber chi dor el fa gen hof in kar lan mo nex or pal quo ri sta tec ul ver web xi zon".split()


def verbatim_copy(pair: str, rng: random.Random) -> tuple[str, str]:
    """A made-up URL, address, handle or number in a fixed frame, copied through."""
    name = lambda: "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 3)))
    domain = f"{name()}.{rng.choice(['de', 'com', 'org', 'net', 'vn', 'eu'])}"
    kind = rng.randrange(4)
    if kind == 3:
        item, frame = str(rng.randint(2, 9999)), rng.choice(COUNTS)
    else:
        item = [f"https://www.{domain}/{name()}/{rng.randint(1, 9999)}", domain, f"{name()}@{domain}"][kind]
        frame = rng.choice(FRAMES)
    source, target = pair.split("-")
    return frame[source].format(item), frame[target].format(item)


def prepare(data: Path, work: Path, pair: str, held_out: set[str], limit: int | None, seed: int) -> None:
    dropped, kept, seen = Counter(), [], set()
    for source, target, name in read_pairs(data / "parallel", pair):
        if name in FORBIDDEN or name in NOISY:
            dropped[f"set {name}"] += 1
            continue
        source, target = clean(source), clean(target)
        if name in TOKENISED:
            source, target = detokenise(source), detokenise(target)
        reason = defect(source, target, pair)
        if reason is None:
            bones = skeleton(source), skeleton(target)
            if bones[0] in held_out or bones[1] in held_out:
                reason = "held out"
            elif bones in seen and len(source) > 20:
                reason = "duplicate"
            seen.add(bones)
        if reason:
            dropped[reason] += 1
        else:
            kept.append((source, target, name))
    if limit:
        kept = random.Random(seed).sample(kept, min(limit, len(kept)))
    kept += augment(kept, pair, random.Random(seed))
    path = work / "pairs" / f"{pair}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(row) + "\n" for row in kept), encoding="utf-8")
    print(f"{pair}: {len(kept)} pairs kept; dropped {dict(dropped.most_common())}", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="the folder with parallel/ and tests/")
    options.add_argument("--work", type=Path, required=True, help="where every step of the recipe reads and writes")
    options.add_argument("--limit", type=int, help="pairs kept per direction, for a smoke test; default all")
    options.add_argument("--seed", type=int, default=1)
    args = options.parse_args()
    held_out = held_out_skeletons(args.data)
    for pair in PAIRS:
        prepare(args.data, args.work, pair, held_out, args.limit, args.seed)


if __name__ == "__main__":
    main()
