"""Small real data sets that come with Vicinal: for examples, tests and first steps.

On the command line ``dataset:qm7-subset`` stands for such a file wherever a file is read.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from vicinal.errors import FileError

_FILES = {"qm7-subset": "qm7_subset.extxyz.xz"}


def names() -> list[str]:
    return list(_FILES)


def path(name: str) -> Path:
    """The file of a bundled data set (compressed extended XYZ)."""
    if name not in _FILES:
        raise FileError(f"no bundled data set is called {name!r}; there are: {', '.join(_FILES)}")
    return Path(str(files(__name__) / _FILES[name]))


def load_qm7_subset():
    """500 molecules of QM7, drawn at random: up to 7 heavy atoms of C, N, O and S.

    Returns
    -------
    sklearn.utils.Bunch
        ``frames``: list of ``ase.Atoms`` (Å, no cell), ``info["name"]`` being the number of the
        molecule in QM7;
        ``targets``: dictionary of (500,) arrays, ``atomization_energy`` (PBE0, kcal/mol) and
        ``delta_energy`` (the same from a cheaper method, kcal/mol);
        ``DESCR``: source, licence and citation.
    """
    import lzma
    from io import StringIO

    import ase.io
    import numpy as np
    from sklearn.utils import Bunch

    # The whole text at once: ASE seeks, and seeking backwards in xz starts from the beginning.
    with lzma.open(path("qm7-subset"), "rt", encoding="utf-8") as file:
        frames = ase.io.read(StringIO(file.read()), ":", format="extxyz")
    targets = {
        key: np.array([float(frame.info[key]) for frame in frames])
        for key in ("atomization_energy", "delta_energy")
    }
    description = (files(__name__) / "README.md").read_text(encoding="utf-8")
    return Bunch(frames=frames, targets=targets, DESCR=description)
