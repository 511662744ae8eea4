"""``python -m sqtvm``."""

from sqtvm.cli import main

main()
