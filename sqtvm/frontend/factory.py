"""Calls what a ``package.module:factory`` names."""

from __future__ import annotations

import importlib
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqtvm.errors import SqtvmError

_LOG = logging.getLogger(__name__)
_SPEC = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<factory>[^\W\d]\w*)")


def is_factory(spec: str) -> bool:
    return _SPEC.fullmatch(spec) is not None


def call_factory(spec: str, error: type[SqtvmError]) -> object:
    """What the function gives, called without arguments; the current folder is searched first.

    Raises ``error`` where the module or the function is missing or fails.
    """
    factory = named(spec, error, "a function that takes no arguments")
    with _current_folder_first():
        try:
            return factory()
        except (Exception, SystemExit) as failure:
            raise failed(f"{spec}()", failure, error) from failure


def named(spec: str, error: type[SqtvmError], what: str) -> Callable[..., object]:
    """The function itself, not called; what: the kind that is wanted, in words.

    Raises ``error`` where the module or the function is missing.
    """
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise error(f"{spec} is no package.module:function", "write it like my_package.nets:lenet")
    module_name, name = match["module"], match["factory"]
    with _current_folder_first():
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as failure:
            missing = failure.name or module_name
            if module_name == missing or module_name.startswith(f"{missing}."):
                raise error(
                    f"there is no module {missing} for {spec}",
                    f"run sqtvm in the folder that holds {missing}, or install it",
                ) from failure
            raise error(
                f"{module_name} needs the module {missing}, which is missing", f"install {missing}"
            ) from failure
        except (Exception, SystemExit) as failure:
            raise failed(f"importing {module_name}", failure, error) from failure
    function = getattr(module, name, None)
    if function is None:
        raise error(f"{module_name} has no {name}", "check the name behind the colon")
    if not callable(function):
        raise error(f"{spec} is no function", f"name {what}")
    found: Callable[..., object] = function
    return found


def failed(what: str, failure: BaseException, error: type[SqtvmError]) -> SqtvmError:
    """An error that says what failed with what, in one line."""
    _LOG.debug("%s failed", what, exc_info=failure)
    lines = str(failure).strip().splitlines()
    reason = f"{type(failure).__name__}: {lines[0]}" if lines else type(failure).__name__
    return error(f"{what} failed with {reason}", "see the whole trace with --verbose")


@contextmanager
def _current_folder_first() -> Iterator[None]:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)
