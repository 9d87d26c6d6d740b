"""A user's own descriptor, named on the command line as ``module:object`` or ``file.py:object``."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any

from vicinal.errors import FileError, ParameterError


def load(name: str, parameters: dict[str, Any]):
    """Import an object; classes are called with the parameters.

    Raises
    ------
    FileError
        The file or module is not there, or raises while it is imported.
    ParameterError
        It has no such object, or parameters are given for something that takes none.
    """
    where, _, what = name.rpartition(":")
    if not where or not what:
        raise ParameterError(f"{name!r} is not module:object or path/to/file.py:object")
    found: Any = _file(where) if where.endswith(".py") else _module(where)
    for part in what.split("."):
        if not hasattr(found, part):
            raise ParameterError(f"{where} has no {what!r}")
        found = getattr(found, part)
    if isinstance(found, type):
        try:
            return found(**parameters)
        except Exception as error:  # of the user's class: anything at all
            raise ParameterError(f"{name} cannot be made ({_one_line(error)})") from None
    if parameters:
        raise ParameterError(f"{name} takes no parameters: it is not a class")
    if not callable(getattr(found, "compute", found)):
        raise ParameterError(f"{name} is neither a function nor has compute")
    return found


def _file(path: str):
    if not os.path.isfile(path):
        raise FileError(f"{path}: no such file")
    # As Python does for a script: what stands beside it can be imported.
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    stem = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(stem, module)  # where dataclasses look for their annotations
    return _imported(path, lambda: (spec.loader.exec_module(module), module)[1])


def _module(name: str):
    sys.path.insert(0, os.getcwd())
    return _imported(name, lambda: importlib.import_module(name))


def _imported(where: str, work):
    try:
        return work()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit, of something that is a script
        raise FileError(f"{where}: cannot be imported ({_one_line(error)})") from None


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
