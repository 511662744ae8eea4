#!/usr/bin/env bash
# cppcheck over the kernels, the templates and the emulator's plugin; any finding is an error.
# The compilers' own warnings are errors in every build: see templates/ and tests/kernels.
set -euo pipefail
cd "$(dirname "$0")/.."
kernels=sqtvm/kernels/include
mapfile -t headers < <(find "$kernels" -name '*.h' | sort)
cppcheck --quiet --std=c11 --language=c --error-exitcode=1 \
  --enable=warning,performance,portability \
  --suppressions-list=scripts/cppcheck-suppressions.txt \
  -I "$kernels" -I templates/baremetal/src \
  "${headers[@]}" templates/baremetal/src templates/zephyr/src sqtvm/measure/plugin
