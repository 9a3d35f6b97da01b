"""Python's view of a Hugging Face cache, for the tests that share one with it.

    check_hub_cache.py write REPO CACHE        downloads as snapshot_download does
    check_hub_cache.py read REPO CACHE FILE…   finds the files without a network
    check_hub_cache.py reuse REPO CACHE FILE…  asks the Hub, fetches only what is new

HF_ENDPOINT names the server. Needs the package huggingface_hub.
"""

import sys

from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download

# What transformers asks a Marian repository for.
PATTERNS = ["*.json", "*.spm", "pytorch_model.bin"]


def main(action: str, repo: str, cache: str, *files: str) -> None:
    if action == "write":
        snapshot_download(repo, cache_dir=cache, allow_patterns=PATTERNS)
        return
    for file in files:
        path = hf_hub_download(repo, file, cache_dir=cache, local_files_only=action == "read")
        print(path)
    if action == "read":
        snapshot_download(repo, cache_dir=cache, local_files_only=True)
    report = scan_cache_dir(cache)
    if report.warnings:
        sys.exit(f"the cache looks corrupted to Python: {report.warnings}")
    [found] = report.repos
    [revision] = found.revisions
    if found.repo_id != repo or revision.refs != {"main"}:
        sys.exit(f"Python sees {found}")


if __name__ == "__main__":
    main(*sys.argv[1:])
