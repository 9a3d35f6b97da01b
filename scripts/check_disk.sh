#!/bin/sh
# A batch job on a disk that fills up, on one that cannot be written to, and with a clock that goes backwards:
#     scripts/check_disk.sh target/release/dolmetsch
# Needs root, for small file systems in memory (tmpfs); skips otherwise.
set -eu
program=$(realpath "$1")
model=$(realpath "$(dirname "$0")/../tests/fixtures/stand-in")
if [ "$(id -u)" != 0 ]; then
    echo "skipped: mounting a tmpfs needs root"
    exit 0
fi
folder=$(mktemp -d)
mkdir "$folder/disk"
trap 'umount "$folder/disk" 2> /dev/null || true; rm -rf "$folder"' EXIT
mount -t tmpfs -o size=150k tmpfs "$folder/disk"

seq 1 3000 | sed 's/.*/Der Satz Nummer & steht in dieser Datei./' > "$folder/in.lines"
batch() {
    "$program" batch "$folder/in.lines" --to en --model "$model" --output-dir "$1" --cache-size 0 2> "$folder/said"
}
fails_with() {
    expected=$1 words=$2 output=$3
    code=0
    batch "$output" || code=$?
    if [ "$code" != "$expected" ] || ! grep -q "$words" "$folder/said"; then
        echo "FAILED: exit code $code, and: $(cat "$folder/said")"
        exit 1
    fi
    echo "exit code $code: $(tail -n 1 "$folder/said")"
}
equals_whole() {
    cmp "$folder/whole/in.en.lines" "$1/in.en.lines"
    echo "same bytes: $(tail -n 1 "$folder/said")"
}

batch "$folder/whole"

echo "--- the disk is full"
head -c 90k /dev/zero > "$folder/disk/others"
fails_with 1 'there is no room left' "$folder/disk/out"
test ! -e "$folder/disk/out/in.en.lines"
rm "$folder/disk/others"
mount -o remount,size=4m "$folder/disk"
batch "$folder/disk/out"
if grep -q ' 0 skipped' "$folder/said"; then
    echo "FAILED: nothing was kept: $(cat "$folder/said")"
    exit 1
fi
equals_whole "$folder/disk/out"

echo "--- the disk cannot be written to"
mount -o remount,ro "$folder/disk"
fails_with 1 'Read-only file system' "$folder/disk/other"
fails_with 1 'Read-only file system' "$folder/disk/out"
mount -o remount,rw "$folder/disk"

echo "--- the clock is set back: the state is from the future"
find "$folder/disk/out" "$folder/in.lines" -exec touch -d '2038-01-01' {} +
batch "$folder/disk/out"
grep -q ' 0 translated' "$folder/said"
equals_whole "$folder/disk/out"

echo "--- the input is cut off between two runs"
head -n 1000 "$folder/in.lines" > "$folder/cut" && mv "$folder/cut" "$folder/in.lines"
fails_with 6 'in.lines had' "$folder/disk/out"
