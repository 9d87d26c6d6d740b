"""Parts of stored values of DScribe, AMP and n2p2 for test_acsf.py.

    python make_symmetry_functions.py FOLDER OUTPUT.npz

FOLDER holds ``structures.extxyz``; ``dscribe.npz`` (ACSF, DScribe 2.1.2); ``amp.npz`` and
``amp.json`` (Gaussian, AMP 1.0.1); and ``n2p2/NAME.npz`` with ``n2p2/NAME.input.nn`` (n2p2 2.3 by
pynnp: unscaled symmetry functions of the settings that n2p2 ships as examples).
"""

import ast
import json
import sys
from pathlib import Path

import numpy as np
from ase.io import read

N2P2 = {  # structures, and atoms of each
    "AlAuMgO_4G": (1, 8),
    "Carbon_chain_4G": (2, 12),
    "Cu2S_PBE": (1, 8),
    "H2O_RPBE-D3": (1, 10),
    "LJ": (2, 2),
    "QM9_wacsf": (3, 12),
    "QM9": (2, 8),
    "Ethylbenzene_SCAN": (1, 2),
}
DSCRIBE = ("ethanol_rattled", "Si2_triclinic", "NaCl_8", "InP_antisite")
AMP = ("ethanol_rattled", "Si2_triclinic", "NaCl_8")
ROWS = 12


def main(folder: Path, output: str) -> None:
    frames = {atoms.info["name"]: atoms for atoms in read(folder / "structures.extxyz", ":")}
    arrays = {}
    for name in {*DSCRIBE, *AMP}:
        atoms = frames[name]
        arrays[f"{name}/numbers"] = atoms.numbers
        arrays[f"{name}/positions"] = atoms.positions
        arrays[f"{name}/cell"] = atoms.cell.array
        arrays[f"{name}/pbc"] = atoms.pbc
    dscribe, amp = np.load(folder / "dscribe.npz"), np.load(folder / "amp.npz")
    for name in DSCRIBE:
        arrays[f"{name}/dscribe"] = dscribe[f"{name}/ACSF"][:ROWS]
    for name in AMP:
        for what in ("gaussian_cos", "gaussian_poly"):
            arrays[f"{name}/amp_{what}"] = amp[f"{name}/{what}"]
    settings = json.loads((folder / "amp.json").read_text())["params"]
    # Derivatives of the features of one atom (first) by a coordinate of another (second).
    keys = [ast.literal_eval(key) for key in settings["ethanol_rattled/gaussian_cos_primes_keys"]]
    arrays["amp_primes_keys"] = np.array([(key[0], key[2], key[4]) for key in keys])
    arrays["amp_primes"] = amp["ethanol_rattled/gaussian_cos_primes"]
    arrays["amp_settings"] = json.dumps(settings["ethanol_rattled/gaussian_cos"]["Gs"])
    for name, (n_structures, n_atoms) in N2P2.items():
        text = (folder / "n2p2" / f"{name}.input.nn").read_text()
        words = ("elements ", "cutoff_type", "symfunction")
        lines = [line for line in text.splitlines() if line.startswith(words)]
        arrays[f"n2p2/{name}/input"] = "\n".join(lines)
        values = np.load(folder / "n2p2" / f"{name}.npz")
        for k in range(n_structures):
            at = f"n2p2/{name}/{k}"
            for what in ("lattice", "positions", "symbols"):
                arrays[f"{at}/{what}"] = values[f"s{k}_{what}"]
            for symbol in np.unique(values[f"s{k}_symbols"]):
                for what in ("idx", "G"):
                    arrays[f"{at}/{what}_{symbol}"] = values[f"s{k}_{what}_{symbol}"][:n_atoms]
    np.savez_compressed(output, **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
