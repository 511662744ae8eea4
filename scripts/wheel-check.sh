#!/usr/bin/env bash
# Builds the wheel, installs it into an empty environment and uses it away from the checkout.
# wheel-check.sh quick: with the dependencies of .venv instead of new ones, and no deployment.
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
.venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
  --wheel-dir "$work/dist" "$work/source"
wheel=$(echo "$work"/dist/sqtvm-*.whl)

# Every file that is not Python's must be in it, and the licences.
.venv/bin/python - "$wheel" <<'PYTHON'
import sys
import zipfile
from pathlib import Path

inside = zipfile.ZipFile(sys.argv[1]).namelist()
left_out = ("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")
wanted = [f"sqtvm/_data/{path}" for top in ("boards", "templates") for path in Path(top).rglob("*")
          if path.is_file() and not any(part in left_out for part in path.parts)]
wanted += [str(path) for path in Path("sqtvm").rglob("*")
           if path.is_file() and not any(part in left_out for part in path.parts)]
missing = sorted(set(wanted) - set(inside))
missing += [name for name in ("LICENSE", "THIRD_PARTY.md")
            if not any(path.endswith(f".dist-info/licenses/{name}") for path in inside)]
sys.exit("the wheel lacks " + ", ".join(missing) if missing else 0)
PYTHON

"$PYTHON" -m venv "$work/venv"
sqtvm="$work/venv/bin/sqtvm"
install=("$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check)
if [ "${1-}" = quick ]; then
  "${install[@]}" --no-deps "$wheel"
  .venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' \
    >"$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/borrowed.pth"
else
  "${install[@]}" -c "$checkout/constraints.txt" "$wheel"
fi

cp -r examples/resnet8 "$work/resnet8"
rm -rf "$work/resnet8/sqtvm-out"
cd "$work/resnet8"
place=$("$work/venv/bin/python" -c 'import sqtvm; print(sqtvm.__file__)')
case "$place" in
  "$work"/*) ;;
  *) echo "it is not the wheel that is used but $place" >&2; exit 1 ;;
esac
"$sqtvm" --version
"$sqtvm" doctor
"$sqtvm" boards >"$work/boards.txt"
grep -q stm32f746 "$work/boards.txt"
if [ "${1-}" = quick ]; then
  exit 0
fi
status=0
"$sqtvm" deploy --quiet || status=$?
if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then
  exit "$status"
fi
for file in report.json report.html; do
  [ -s "sqtvm-out/$file" ] || { echo "deploy left no $file" >&2; exit 1; }
done
echo "The wheel works away from the checkout (deploy ended with status $status)."
