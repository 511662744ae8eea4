#!/usr/bin/env bash
# Installs the Debian packages that are missing; does nothing where all is there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/python.sh

missing=()
need() { # need PACKAGE... -- TEST...: the packages, unless the test succeeds
  local packages=()
  while [ "$1" != -- ]; do packages+=("$1"); shift; done
  shift
  "$@" >/dev/null 2>&1 || missing+=("${packages[@]}")
}
have() { command -v "$1"; }
riscv_library() { [ -e "$(riscv64-unknown-elf-gcc -print-file-name=picolibc.specs)" ]; }
cross_library() { [ -e "$(arm-none-eabi-gcc -print-file-name=nano.specs)" ]; }
host_compiler() { echo '#include <stdio.h>' | cc -fsyntax-only -x c -; }

need gcc-arm-none-eabi -- have arm-none-eabi-gcc
need libnewlib-arm-none-eabi -- cross_library
need qemu-system-arm -- have qemu-system-arm
need gcc-riscv64-unknown-elf -- have riscv64-unknown-elf-gcc
need picolibc-riscv64-unknown-elf -- riscv_library
need qemu-system-misc -- have qemu-system-riscv32
need cmake -- have cmake
need ninja-build -- have ninja
need gcc libc6-dev -- host_compiler
need openocd -- have openocd
need stlink-tools -- have st-flash
need gdb-multiarch -- have gdb-multiarch
need device-tree-compiler -- have dtc
need chromium -- have chromium
need chromium-driver -- have chromedriver
need cppcheck -- have cppcheck
need dataset-fashion-mnist -- test -e /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
for language in en es fr it ru; do # of examples/voices
  need "asterisk-core-sounds-$language-wav" -- compgen -G "/usr/share/asterisk/sounds/${language}_*"
done
if [ -z "$PYTHON" ]; then
  missing+=(python3 python3-venv)
else
  version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  need "python$version-venv" -- "$PYTHON" -c 'import ensurepip, venv'
fi

if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "sqtvm: these Debian packages are missing, and there is no apt-get here to install them:" >&2
  echo "  ${missing[*]}" >&2
  echo "Install their equivalents; 'sqtvm doctor' then says what is still not found." >&2
  exit 0
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "sqtvm: run this as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -q -y --no-install-recommends "${missing[@]}"
