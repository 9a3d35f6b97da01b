#!/bin/sh
# Runs the Spark job on a small cluster on this machine, with an executor killed half-way:
#     scripts/spark/check.sh [PROGRAM]      default: target/release/dolmetsch
# Makes a virtual environment with the pinned pyspark, and installs Java with apt-get if there is none.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

if ! command -v java > /dev/null; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends default-jre-headless
fi
environment="${SPARK_VENV:-${HOME:-/root}/.cache/dolmetsch-ci/spark}"
if ! [ -x "$environment/bin/spark-submit" ]; then
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet -r "$here/requirements.txt"
fi
exec "$environment/bin/python" "$here/check.py" "$@"
