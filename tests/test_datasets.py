"""The bundled data sets."""

import numpy as np
import pytest

from vicinal import datasets
from vicinal.errors import FileError


def test_qm7_subset():
    qm7 = datasets.load_qm7_subset()
    assert len(qm7.frames) == 500
    assert {symbol for atoms in qm7.frames for symbol in atoms.symbols} == set("HCNOS")
    assert sum(map(len, qm7.frames)) == 7714
    assert "Rupp" in qm7.DESCR and "MIT" in qm7.DESCR
    for name in ("atomization_energy", "delta_energy"):
        energies = qm7.targets[name]
        assert energies.shape == (500,) and np.isfinite(energies).all() and (energies < 0).all()
    # About 90 kcal/mol an atom, as everywhere in QM7.
    per_atom = qm7.targets["atomization_energy"] / [len(atoms) for atoms in qm7.frames]
    assert -140 < per_atom.min() and per_atom.max() < -60
    names = [atoms.info["name"] for atoms in qm7.frames]
    assert names == sorted(set(names))


def test_files_are_small_and_there():
    for name in datasets.names():
        assert 0 < datasets.path(name).stat().st_size < 150_000
    with pytest.raises(FileError, match="'qm8'.*qm7-subset"):
        datasets.path("qm8")
