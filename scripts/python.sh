# Sourced: sets PYTHON to a Python that sqtvm supports, or to nothing.
PYTHON=
for candidate in python3.11 python3 python3.12 python3.13; do
  if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c \
    'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
    PYTHON=$candidate
    break
  fi
done
