"""Files of reports: checked before the work, complete or not there at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from vicinal.errors import FileError
from vicinal.features import atomic_file


def output_name(path: str | os.PathLike, suffixes: Sequence[str], what: str) -> tuple[str, str]:
    """(name without suffix, suffix) of a file that may be written.

    Raises
    ------
    FileError
        It ends otherwise, is a directory, or its folder is not there.
    """
    path = os.fspath(path)
    suffix = next((one for one in suffixes if path.endswith(one)), None)
    if suffix is None or os.path.basename(path) == suffix:
        names = [f"something{one}" for one in suffixes]
        known = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        raise FileError(f"{path}: {what} is called {known}")
    if os.path.isdir(path):
        raise FileError(f"{path}: is a directory")
    if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise FileError(f"{path}: cannot be written (no such folder)")
    return path.removesuffix(suffix), suffix


def write_files(contents: Mapping[str, str]) -> list[str]:
    """Write texts to files; returns the names. Each appears only once it is complete."""
    for path, text in contents.items():
        with atomic_file(path) as file:
            file.write(text.encode())
    return list(contents)
