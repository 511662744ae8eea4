#!/usr/bin/env bash
# The demonstration: a trained ResNet-8 to firmware for an STM32F746 with 50 ms for an inference.
set -euo pipefail
cd "$(dirname "$0")/.."
sqtvm=$(pwd)/.venv/bin/sqtvm
cd examples/resnet8
status=0
"$sqtvm" deploy --board stm32f746 --budget-ms 50 "$@" || status=$?
case $status in
  0) ;;
  3) echo "The budget does not hold on this board yet: the table says by how much." \
       "The firmware and the report of the best that can be had are left." ;;
  *) exit "$status" ;;
esac
echo "Look at examples/resnet8/sqtvm-out/report.html"
