#!/bin/sh
# Checks the two default models as they are on the Hugging Face Hub, on a computer that can reach it: downloads them,
# translates newstest2019 and Tatoeba, and prints BLEU beside the published figures, sentences that differ from
# transformers, and the alignment error rate of every attention head.
#
#   scripts/verify_on_hub.sh [FOLDER]     results and test sets go to FOLDER (target/verify)
#
# GOLD=FOLDER names hand-made word alignments for the last (dev.de, dev.en, dev.gold.pharaoh); without them it is left
# out. LINES=N takes the first N lines of each test set (all). PARITY_LINES=N compares so many with transformers (50).
# DOLMETSCH names a program that is built already.
# Needs Python with scripts/requirements.txt and sacrebleu; PYTHON names it (python3).
# Exit code: 0 all as expected, 1 a figure is off, 3 the Hub cannot be reached.
set -eu
cd "$(dirname "$0")/.."
work=${1:-target/verify}
python=${PYTHON:-python3}
mkdir -p "$work"

if [ -z "${DOLMETSCH:-}" ]; then
    cargo build --release
fi
dolmetsch=${DOLMETSCH:-$PWD/target/release/dolmetsch}

# Its exit code 3 and its message are this script's.
"$dolmetsch" models fetch opus-mt-de-en opus-mt-de-vi

tatoeba=https://raw.githubusercontent.com/Helsinki-NLP/OPUS-MT-testsets/master/testsets/deu-vie/tatoeba-test-v2021-08-07
fetch() { # FILE COMMAND…: unless it is there
    file=$work/$1
    shift
    if [ ! -s "$file" ]; then
        "$@" >"$file.part" || { echo "error: could not download $file (is there a connection?)" >&2; exit 3; }
        mv "$file.part" "$file"
    fi
}
fetch newstest2019.de "$python" -m sacrebleu -t wmt19 -l de-en --echo src
fetch newstest2019.en "$python" -m sacrebleu -t wmt19 -l de-en --echo ref
fetch tatoeba.de curl -fsSL "$tatoeba.deu"
fetch tatoeba.vi curl -fsSL "$tatoeba.vie"

table=$work/table.tsv
printf 'model\tcheck\tfound\texpected\tverdict\n' >"$table"
failed=0
row() { # MODEL CHECK FOUND EXPECTED VERDICT
    printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$table"
    [ "$5" = ok ] || failed=1
}

check() { # MODEL TARGET SET PUBLISHED
    model=$1 target=$2 set=$3 published=$4
    for side in de "$target"; do
        head -n "${LINES:-1000000}" "$work/$set.$side" >"$work/$set.$side.used"
    done
    "$dolmetsch" translate --lines --format text --to "$target" --model "$model" \
        "$work/$set.de.used" >"$work/$model.$set.$target"
    bleu=$("$python" -m sacrebleu "$work/$set.$target.used" -i "$work/$model.$set.$target" -m bleu -b -w 1)
    # Published with another beam and another sacreBLEU: half a point is agreement.
    verdict=$(echo "$bleu $published" | awk '{ print ($1 >= $2 - 0.5) ? "ok" : "LOW" }')
    row "$model" "BLEU $set" "$bleu" "$published" "$verdict"

    folder=$("$dolmetsch" models path "$model")
    if "$python" scripts/check_parity.py --binary "$dolmetsch" --model-dir "$folder" --to "$target" \
        --lines "$work/$set.de.used" --count "${PARITY_LINES:-50}" --max-length 512 >"$work/$model.parity" 2>&1; then
        row "$model" "ids as transformers" same same ok
    else
        row "$model" "ids as transformers" "see $work/$model.parity" same DIFFERENT
    fi
}
check opus-mt-de-en en newstest2019 40.1
check opus-mt-de-vi vi tatoeba 25.0

if [ -n "${GOLD:-}" ]; then
    "$dolmetsch" models calibrate opus-mt-de-en --gold "$GOLD/dev.gold.pharaoh" --source "$GOLD/dev.de" \
        --target "$GOLD/dev.en" >"$work/heads.tsv"
    # Sorted, the best first.
    best=$(sed -n 2p "$work/heads.tsv")
    last=$(awk -F '\t' '$7 == "(in use)" { print $4 }' "$work/heads.tsv")
    aer=$(echo "$best" | cut -f 4)
    verdict=$(echo "$last $aer" | awk '{ print ($1 <= $2 + 0.02) ? "ok" : "OTHER" }')
    row opus-mt-de-en "AER of the guided head" "$last" "$aer (layer, head, shift: $(echo "$best" | cut -f 1-3 | tr '\t' ' '))" "$verdict"
fi

if command -v column >/dev/null; then
    column -t -s "$(printf '\t')" "$table"
else
    cat "$table"
fi
exit $failed
