"""Real data sets: a small one that comes with Vicinal, and loaders for those of the literature.

Files are looked for in the folder that the environment variable ``VICINAL_DATA`` names, then in the
cache (``~/.cache/vicinal/datasets``); :func:`load` downloads them on request where the licence
lets everybody have them. On the command line ``dataset:NAME`` or ``dataset:NAME/PART`` stands for
such a file wherever a file is read.
"""

from __future__ import annotations

import os
import warnings
from functools import partial
from pathlib import Path

from vicinal.datasets.catalogue import DATA_SETS, DataSet, File
from vicinal.errors import FileError, ParameterError


def names() -> list[str]:
    """The names of all data sets, here or not."""
    return list(DATA_SETS)


def info(name: str) -> DataSet:
    """What is known of a data set: its files, checksums, licence, citation, targets and units."""
    if name not in DATA_SETS:
        raise FileError(f"no data set is called {name!r}; there are: {', '.join(DATA_SETS)}")
    return DATA_SETS[name]


def path(name: str) -> Path:
    """A file of a data set that ASE reads: ``qm7``, ``nmd18/test``; without a part, the first.

    Files in formats of their own are converted to extended XYZ once, in the cache.

    Raises
    ------
    FileError
        If there is no such set or part, or the file is not here: the message says which file to
        put where.
    """
    from vicinal.datasets import formats, store

    data_set, part, file, where = _locate(name)
    if file.reader == "structures":
        return where
    converted = store.cache_folder() / "converted" / f"{data_set.name}-{part}.extxyz"
    if not converted.is_file() or converted.stat().st_mtime < where.stat().st_mtime:
        _write(formats.read(file.reader, where, slice(None)), converted)
    return converted


def units(name: str) -> dict[str, str]:
    """Units of the targets in the file that :func:`path` gives."""
    data_set, _, file, _ = _locate(name)
    return {**data_set.targets, **file.units}


def _locate(name: str) -> tuple[DataSet, str, File, Path]:
    """The set, the part and the file that ``NAME`` or ``NAME/PART`` means."""
    from vicinal.datasets import store

    name, _, part = name.partition("/")
    data_set = info(name)
    part = part or next(iter(data_set.parts))
    _check_part(data_set, part)
    found = store.find(data_set.parts[part], store.data_folders())
    if found is None:
        raise FileError(f"{name}/{part} is not here: {store.where_to_put(data_set, part)}")
    return data_set, part, *found


def _write(frames, target: Path) -> None:
    from io import TextIOWrapper

    import ase.io

    from vicinal.features import atomic_file

    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(target) as file:
        text = TextIOWrapper(file, encoding="utf-8", write_through=True)
        ase.io.write(text, frames, format="extxyz")
        text.detach()


def load(
    name: str,
    path: str | os.PathLike | None = None,
    *,
    download: bool = False,
    parts: str | list[str] | None = None,
    index: str = ":",
):
    """Load a data set.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    path : path, optional
        A file of the set, as at its source or as extended XYZ, or a folder with such files.
        Without it they are looked for in ``$VICINAL_DATA`` and in the cache.
    download : bool
        Get what is missing from its source into the cache.
    parts : str or list of str, optional
        Such as "train"; by default all that are here (with ``download`` all there are).
    index : str
        Structures of each part, as Python slices: ``":1000"``, ``"::10"``.

    Returns
    -------
    sklearn.utils.Bunch
        ``frames``: list of ``ase.Atoms`` (Å), the parts one after the other;
        ``targets``: for each name an array (n,), or a list of arrays, one a structure, where there
        is one value (or force) an atom;
        ``units``: of each target;
        ``parts``: for each part the indices of its structures;
        ``train``, ``test``: indices, where the set has such parts;
        ``extensive``: whether a target grows with size, where that is known;
        ``name``, ``DESCR``, ``citation``, ``licence``, ``files``.

    Raises
    ------
    FileError
        If a file is missing (the message says which to put where), cannot be read, cannot be
        downloaded, or has not as many structures as it should.
    """
    import numpy as np
    from ase.units import GPa
    from sklearn.utils import Bunch

    from vicinal.datasets import formats
    from vicinal.streaming import _slice

    data_set = info(name)
    part_slice = _slice(index)
    frames, members, used, units = [], {}, [], dict(data_set.targets)
    for part, file, where in _files(data_set, path, download, parts):
        found = formats.read(file.reader, where, part_slice)
        if index == ":" and file.n_structures not in (None, len(found)):
            raise FileError(
                f"{where}: {len(found)} structures where there should be {file.n_structures}"
            )
        members[part] = np.arange(len(frames), len(frames) + len(found))
        frames += found
        used.append(where)
        units |= file.units
    if not frames:
        raise FileError(f"{name}: no structures in {index!r}")
    targets = {key: _target(frames, key) for key in data_set.targets}
    targets = {key: values for key, values in targets.items() if values is not None}
    if "virial_stress_kbar" in targets:
        # As the energies of strained cells say: xx yy zz xy yz xz, and positive where compressed.
        targets["stress"] = -targets["virial_stress_kbar"][:, [0, 1, 2, 4, 5, 3]] * 0.1 * GPa
        units["stress"] = "eV/Å³"
    sides = {
        side: np.concatenate(found)
        for side in ("train", "test")
        if (found := [rows for part, rows in members.items() if part.startswith(side)])
    }
    return Bunch(
        frames=frames,
        targets=targets,
        units={key: units[key] for key in targets},
        parts=members,
        **sides,
        extensive={k: v for k, v in data_set.extensive.items() if k in targets},
        name=name,
        DESCR=_description(data_set),
        citation=data_set.citation,
        licence=data_set.licence,
        files=used,
    )


def _files(data_set: DataSet, path, download: bool, parts) -> list[tuple[str, File, Path]]:
    """Part, file and where it is, of all that is to be read."""
    from vicinal.datasets import store

    wanted = [parts] if isinstance(parts, str) else list(parts or data_set.parts)
    for part in wanted:
        _check_part(data_set, part)
    if path is not None and not Path(path).is_dir():
        if not Path(path).is_file():
            raise FileError(f"{path}: no such file or folder")
        part, file = store.identify(data_set, Path(path))
        if parts is not None and part not in wanted:
            raise ParameterError(f"{path} is the part {part!r} of {data_set.name}, not {parts!r}")
        store.warn_if_changed(file, Path(path))
        return [(part, file, Path(path))]

    folders = store.data_folders() if path is None else [Path(path)]
    found, missing = [], []
    for part in wanted:
        files = data_set.parts[part]
        hit = store.find(files if path is None else store.flattened(files), folders)
        if hit is not None:
            store.warn_if_changed(*hit)
        elif download:
            hit = _download(data_set, part)
        if hit is None:
            missing.append(part)
        else:
            found.append((part, *hit))
    if missing and (parts is not None or not found):
        raise FileError(
            f"{data_set.name}/{missing[0]} is not "
            f"{'here' if path is None else f'in {path}'}: "
            f"{store.where_to_put(data_set, missing[0])}"
        )
    if missing:
        warnings.warn(
            f"{data_set.name}: only {', '.join(p for p, *_ in found)} are here, not "
            f"{', '.join(missing)}",
            stacklevel=3,
        )
    return found


def _download(data_set: DataSet, part: str) -> tuple[File, Path]:
    from vicinal.datasets import store

    file = next((file for file in data_set.parts[part] if file.url), None)
    if not data_set.may_download or file is None:
        raise FileError(f"{data_set.name} is not downloaded: {store.where_to_put(data_set, part)}")
    try:
        return file, store.download(file, store.cache_folder())
    except FileError as error:
        raise FileError(f"{error}; {store.where_to_put(data_set, part)}") from None


def _check_part(data_set: DataSet, part: str) -> None:
    if part not in data_set.parts:
        raise FileError(
            f"{data_set.name} has no part {part!r}; it has: {', '.join(data_set.parts)}"
        )


def _target(frames, key: str):
    """Values of all structures from ``info``, the calculator or ``arrays``; None if not there."""
    import numpy as np

    values = []
    for atoms in frames:
        results = atoms.calc.results if atoms.calc is not None else {}
        for place in (atoms.info, results, atoms.arrays):
            if key in place:
                values.append(np.asarray(place[key], float))
                break
        else:
            return None
    per_atom = key in frames[0].arrays or key == "forces"
    return values if per_atom else np.array(values)


def _description(data_set: DataSet) -> str:
    if data_set.name == "qm7-subset":
        return (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    targets = ", ".join(f"{key} ({unit})" for key, unit in data_set.targets.items())
    return (
        f"{data_set.name}: {data_set.summary}\n\nTargets: {targets}\n"
        f"Parts: {', '.join(data_set.parts)}\n{data_set.note}\n\n"
        f"Please cite: {data_set.citation}\nLicence: {data_set.licence}\n"
    )


def load_qm7_subset():
    """500 molecules of QM7, drawn at random, that come with Vicinal; see :func:`load`.

    ``targets``: ``atomization_energy`` (PBE0, kcal/mol) and ``delta_energy`` (the same from a
    cheaper method, kcal/mol); ``info["name"]`` is the number of the molecule in QM7.
    """
    return load("qm7-subset", Path(__file__).parent)


load_qm7 = partial(load, "qm7")
load_nmd18 = partial(load, "nmd18")
load_3bpa = partial(load, "3bpa")
load_qm9 = partial(load, "qm9")
load_random_ch4 = partial(load, "random-ch4")


def load_zuo(element: str, path: str | os.PathLike | None = None, **options):
    """Ni, Cu, Li, Mo, Si or Ge of Zuo et al. (2020): energies, forces, stress; see :func:`load`.

    ``targets["stress"]`` has ASE's sign, order and unit: (n, 6), eV/Å³, xx yy zz yz xz xy.
    """
    return load(f"zuo-{element.lower()}", path, **options)


def load_rmd17(molecule: str, path: str | os.PathLike | None = None, **options):
    """A molecule of the revised MD17: aspirin, ethanol, ...; see :func:`load`."""
    return load(f"rmd17-{molecule.lower()}", path, **options)
