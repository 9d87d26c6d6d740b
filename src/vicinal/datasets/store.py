"""Where files of data sets are: found in folders, or downloaded into the cache."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.request
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vicinal.datasets.catalogue import DataSet, File
from vicinal.errors import FileError, ParameterError
from vicinal.features import atomic_file

_BLOCK = 1 << 20
_BUNDLED = Path(__file__).parent


def cache_folder() -> Path:
    """``vicinal/datasets`` in ``$XDG_CACHE_HOME``, or in ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vicinal" / "datasets"


def data_folders() -> list[Path]:
    """Where files are looked for: ``$VICINAL_DATA``, the cache, the package."""
    given = os.environ.get("VICINAL_DATA")
    return [*([Path(given)] if given else []), cache_folder(), _BUNDLED]


def find(files: Sequence[File], folders: Sequence[Path]) -> tuple[File, Path] | None:
    """The first of ``files`` (the best first) that is in one of the folders."""
    for file in files:
        for folder in folders:
            if (folder / file.name).is_file():
                return file, folder / file.name
    return None


def flattened(files: Sequence[File]) -> list[File]:
    """The same files without the folders in their names: as they lie in a folder of the user's."""
    return [*files, *(replace(file, name=Path(file.name).name) for file in files)]


def identify(data_set: DataSet, path: Path) -> tuple[str, File]:
    """Which file of a set a path is, by its name, else by how it ends; else ASE reads it."""
    known = [(part, file) for part, files in data_set.parts.items() for file in files]
    for part, file in known:
        if Path(file.name).name == path.name:
            return part, file
    part = next(iter(data_set.parts))
    for _, file in known:
        if file.reader != "structures" and Path(file.name).suffix == path.suffix:
            return part, File(path.name, reader=file.reader)
    return part, File(path.name)


def checksum(path: Path, algorithm: str) -> str:
    """Of a file; ``git`` is the name that git gives its content (SHA-1 with a header)."""
    if algorithm == "git":
        state = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        state = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def verify(file: File, path: Path) -> str | None:
    """None if the file is what it should be, as far as is known; otherwise what differs."""
    if file.checksum is None:
        return None
    algorithm, _, expected = file.checksum.rpartition(":")
    found = checksum(path, algorithm or "sha256")
    if found == expected:
        return None
    return f"{algorithm or 'sha256'} {found}, not {expected}"


def warn_if_changed(file: File, path: Path) -> None:
    """A file that the user put somewhere is read whatever it holds, but not in silence."""
    wrong = verify(file, path)
    if wrong:
        warnings.warn(f"{path} is not the file that Vicinal knows: {wrong}", stacklevel=3)


def download(file: File, folder: Path) -> Path:
    """Into ``folder``, with its companions; appears only when complete and verified.

    Raises
    ------
    FileError
        If it cannot be had, is shorter than announced, or has another checksum.
    """
    for companion in file.companions:
        download(companion, folder)
    target = folder / file.name
    if target.is_file() and verify(file, target) is None:
        return target
    if file.url is None:
        raise ParameterError(f"there is no address to download {file.name} from")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{target.parent}: cannot be made ({error.strerror})") from None
    with atomic_file(target) as out:
        _fetch(file.url, out)
        out.flush()
        wrong = verify(file, Path(out.name))
        if wrong:
            raise FileError(f"{file.url}: not the file that it should be ({wrong}); not kept")
    return target


def _fetch(url: str, out) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "vicinal"})
    size = 0
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            announced = response.headers.get("Content-Length")
            while block := response.read(_BLOCK):
                size += out.write(block)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise FileError(f"{url}: cannot be downloaded ({reason})") from None
    if announced is not None and size != int(announced):
        raise FileError(f"{url}: ended after {size} of {announced} bytes; not kept")


def where_to_put(data_set: DataSet, part: str) -> str:
    """What to do about a file that is not here."""
    names = []
    for file in data_set.parts[part]:
        names.append(f"{file.name} (from {file.url})" if file.url else file.name)
        names[-1] += "".join(f" with {c.name} (from {c.url})" for c in file.companions)
    given = os.environ.get("VICINAL_DATA")
    folder = given or f"{cache_folder()} (or the folder that VICINAL_DATA names)"
    text = f"put {' or '.join(names)} into {folder}, or give its path"
    if data_set.may_download and any(file.url for file in data_set.parts[part]):
        text += f', or vc.datasets.load("{data_set.name}", download=True) where there is a network'
    elif not data_set.may_download:
        text += f"; licence: {data_set.licence}"
    return text
