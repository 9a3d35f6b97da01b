#!/usr/bin/env bash
# Runs the whole recipe on 2,000 pairs per direction and a tiny model, in a few minutes. For CI.
#
#   scripts/train/smoke.sh
#
# PYTHON names the interpreter (default: /opt/venv/bin/python where present, else python3), DATA the folder with
# parallel/ and tests/ (default: shared/data beside the repository).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
DATA=${DATA:-$here/../../../shared/data}
[ -n "${PYTHON:-}" ] || { [ -x /opt/venv/bin/python ] && PYTHON=/opt/venv/bin/python; } || PYTHON=python3

skip() {
  echo "training smoke test skipped: $1"
  exit 0
}
[ -d "$DATA/parallel" ] || skip "no parallel text at $DATA/parallel (set DATA)"
"$PYTHON" -c "import ctranslate2, eflomal, numpy, sacrebleu, safetensors, sentencepiece, torch, transformers, zstandard" \
  2>/dev/null || skip "$PYTHON lacks a package; pip install -r scripts/train/requirements.txt"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184
step() {
  echo "== $*"
  "$PYTHON" "$here/$1.py" "${@:2}"
}

step prepare --data "$DATA" --work "$work" --limit 2000
step vocab --work "$work" --size 4000
step align --work "$work"
tiny=(--encoder-layers 1 --decoder-layers 1 --tokens 1500 --report 10 --warm-up 20)
step train --work "$work" "${tiny[@]}" --stop-at 30
step grow --work "$work" --encoder-layers 2
step train --work "$work" "${tiny[@]}" --stop-at 40
step train --work "$work" "${tiny[@]}" --decay-steps 10
step export --work "$work" --out "$work/model" --checkpoint decayed.pt --weights theta
step evaluate --model "$work/model" --data "$DATA" --lines 4 --max-length 40 --aer
step distill --work "$work" --model "$work/model" --limit 50 --max-length 40
step vocab --work "$work" --keep
echo "training smoke test passed"
