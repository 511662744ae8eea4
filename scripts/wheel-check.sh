#!/usr/bin/env bash
# Builds the wheel, installs it into an empty environment and uses it away from the checkout.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/python.sh
# Else Python would find the checkout's package, which is what must not happen here.
unset PYTHONPATH
checkout=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# From a copy: setuptools leaves build/ behind, whose old files would get into the next wheel.
mkdir "$work/source"
tar -c --exclude=.git --exclude=.venv --exclude=build --exclude=sqtvm-out --exclude='*.egg-info' . |
  tar -x -C "$work/source"
.venv/bin/python -m pip wheel --quiet --no-deps --wheel-dir "$work/dist" "$work/source"
"$PYTHON" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  -c "$checkout/constraints.txt" "$work"/dist/sqtvm-*.whl

cp -r examples/resnet8 "$work/resnet8"
rm -rf "$work/resnet8/sqtvm-out"
cd "$work/resnet8"
sqtvm="$work/venv/bin/sqtvm"
"$sqtvm" --version
"$sqtvm" doctor
"$sqtvm" boards
status=0
"$sqtvm" deploy --quiet || status=$?
if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then
  exit "$status"
fi
for file in report.json report.html; do
  [ -s "sqtvm-out/$file" ] || { echo "deploy left no $file" >&2; exit 1; }
done
echo "The wheel works away from the checkout (deploy ended with status $status)."
