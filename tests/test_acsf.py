"""ACSF: the battery, the formulas in plain NumPy, DScribe, AMP and n2p2, presets, bad input."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.units import Bohr

from vicinal import ACSF, Environments, VicinalError
from vicinal.errors import FileError, ParameterError
from vicinal.testing import Battery
from vicinal.testing.frames import build

SPECIES = ["H", "C", "O"]
STORED = np.load(Path(__file__).parent / "oracles" / "symmetry_functions.npz")


# -- the battery --------------------------------------------------------------------------------


class TestACSF(Battery):
    def make(self, dtype):
        return ACSF(
            cutoff=3.5,
            g1=True,
            g2=[(1.0, 0.0), (4.0, 1.2)],
            g3=[1.5],
            g4=[(0.05, 1, 1), (0.05, 4, -1), (0.2, 2.5, 1, 0.3)],
            g5=[(0.05, 2, 1), (0.1, 1, -1), (0.1, 1.5, -1)],
            species=SPECIES,
            dtype=dtype,
        )


class SmallACSF(Battery):
    examples = 3
    parameters = {}

    def make(self, dtype):
        return ACSF(**({"cutoff": 3.5, "species": SPECIES} | self.parameters), dtype=dtype)


class TestACSFDefaults(SmallACSF):
    parameters = {"species": None}


class TestACSFPairsOfNeighbors(SmallACSF):
    """All sums cancel where an atom has one neighbour."""

    parameters = {"g5": [(0.05, 1, 1), (0.05, 2, -1), (0.3, 4, 1)]}


class TestACSFWeighted(SmallACSF):
    parameters = {
        "weighted": True,
        "g2": [(1.0, 0.5)],
        "g4": [(0.1, 2, -1)],
        "g5": [(0.1, 2, 1)],
        "cutoff_function": "poly2",
        "pooling": "mean",
    }


class TestACSFByTriplets(SmallACSF):
    parameters = {"g5": [(0.1, 2, 1), (0.2, 1, -1)], "g5_by": "triplets", "cutoff_function": "tanh"}


class TestACSFByCenter(SmallACSF):
    parameters = {
        "functions": [
            {"type": "G2", "center": "O", "neighbors": ["H"], "eta": 1.0, "rs": 0.9},
            {"type": "G2", "center": "C", "eta": 0.5, "cutoff": 2.5},
            {"type": "G4", "center": "O", "neighbors": [1, 6], "eta": 0.1, "zeta": 1, "lambda": -1},
            {"type": "G5", "center": "O", "eta": 0.1, "zeta": 2, "lambda": 1, "cutoff": 3.0},
            {"type": "G4", "eta": 0.1, "zeta": 1, "lambda": 1, "weighted": True},
        ],
        "cutoff_function": "exponential",
        "inner_cutoff": 0.2,
        "pooling": "sum",
    }


# -- the formulas, slowly -----------------------------------------------------------------------


def fade(f, r):
    inner = f.get("inner_cutoff", 0.0) * f["cutoff"]
    x = (r - inner) / (f["cutoff"] - inner)
    if x >= 1:
        return 0.0
    x = max(x, 0.0)
    g = f.get("gamma", 4.0)
    return {
        None: lambda: 1.0,
        "cosine": lambda: (1 + np.cos(np.pi * x)) / 2,
        "polynomial": lambda: 1 + g * x ** (g + 1) - (g + 1) * x**g,
        "poly1": lambda: (2 * x - 3) * x**2 + 1,
        "poly2": lambda: ((15 - 6 * x) * x - 10) * x**3 + 1,
        "poly3": lambda: (x * (x * (20 * x - 70) + 84) - 35) * x**4 + 1,
        "poly4": lambda: (x * (x * ((315 - 70 * x) * x - 540) + 420) - 126) * x**5 + 1,
        "tanh": lambda: np.tanh(1 - x) ** 3,
        "tanh_one": lambda: np.tanh(1 - x) ** 3 / np.tanh(1) ** 3,
        "exponential": lambda: np.exp(1 - 1 / (1 - x**2)),
    }[f.get("cutoff_function", "cosine")]()


def window(f, x, low, high, asymmetric=False):
    """A compact function: the cutoff function to both sides of the middle."""
    x = abs(x - (low + high) / 2) / ((high - low) / 2)
    if x >= 1:
        return 0.0
    return fade({"cutoff": 1.0, **f}, x * (2 - x) if asymmetric else x)


def function(f, center, vectors, numbers):
    """One symmetry function of one environment."""
    if f.get("center") not in (None, center):
        return 0.0
    r = np.linalg.norm(vectors, axis=1)
    wanted = f.get("neighbors")
    total = 0.0
    compact = [f.get("low"), f.get("high"), f.get("asymmetric", False)]
    if f["type"] in ("G1", "G2", "G3", "P2"):
        for j in range(len(r)):
            if wanted is None or [numbers[j]] == list(wanted):
                if f["type"] == "P2":
                    total += (1 if wanted else numbers[j]) * window(f, r[j], *compact)
                    continue
                value = {
                    "G1": lambda j: 1.0,
                    "G2": lambda j: np.exp(-f["eta"] * (r[j] - f.get("rs", 0)) ** 2),
                    "G3": lambda j: np.cos(f["kappa"] * r[j]),
                }[f["type"]](j)
                total += (1 if wanted else numbers[j]) * value * fade(f, r[j])
        return total
    for j, k in itertools.combinations(range(len(r)), 2):
        if wanted is not None and sorted([numbers[j], numbers[k]]) != sorted(wanted):
            continue
        cosine = np.clip(vectors[j] @ vectors[k] / (r[j] * r[k]), -1, 1)
        sides = [r[j], r[k]]
        if f["type"] in ("G4", "P4"):
            sides.append(np.linalg.norm(vectors[j] - vectors[k]))
        if f["type"] in ("P4", "P5"):
            value = window(f, np.degrees(np.arccos(cosine)), f["angle_low"], f["angle_high"])
            for side in sides:
                value *= window(f, side, *compact)
            total += (1 if wanted else numbers[j] * numbers[k]) * value
            continue
        value = 2 ** (1 - f["zeta"]) * (1 + f["lambda"] * cosine) ** f["zeta"]
        for side in sides:
            value *= np.exp(-f["eta"] * (side - f.get("rs", 0)) ** 2) * fade(f, side)
        total += (1 if wanted else numbers[j] * numbers[k]) * value
    return total


def slow(functions, atoms, cutoff):
    env = Environments(atoms, cutoff)
    rows = []
    for i in range(env.n_atoms):
        inside = slice(env.pair_offsets[i], env.pair_offsets[i + 1])
        numbers = env.numbers[env.j[inside]]
        rows.append([function(f, env.numbers[i], env.D[inside], numbers) for f in functions])
    return np.array(rows)


LISTS = {
    "g2": [{"eta": 1.0, "rs": 0.0}, {"eta": 3.0, "rs": 1.1}],
    "g3": [{"kappa": 1.3}],
    "g4": [
        {"eta": 0.1, "zeta": 1.0, "lambda": 1.0},
        {"eta": 0.1, "zeta": 4.0, "lambda": -1.0},
        {"eta": 0.3, "zeta": 1.5, "lambda": 1.0, "rs": 0.4},
    ],
    "g5": [
        {"eta": 0.1, "zeta": 1.0, "lambda": -1.0},
        {"eta": 0.2, "zeta": 5.0, "lambda": 1.0},
        {"eta": 0.2, "zeta": 3.0, "lambda": -1.0, "rs": 1.0},
    ],
}
MORE = [
    {"type": "G2", "eta": 0.7, "rs": 0.0, "cutoff": 3.0, "center": 8, "neighbors": [1]},
    {"type": "G4", "eta": 0.1, "zeta": 2.0, "lambda": 1.0, "cutoff": 2.5, "neighbors": [8, 1]},
    {"type": "G3", "kappa": 1.0, "weighted": True},
    {"type": "G5", "eta": 0.1, "zeta": 2.0, "lambda": 1.0, "center": 6, "neighbors": [1, 1]},
    {"type": "G5", "eta": 0.1, "zeta": 2.0, "lambda": -1.0, "weighted": True},
]  # fmt: skip
CUTOFFS = (
    {},
    {"cutoff_function": "polynomial", "gamma": 2.5},
    {"cutoff_function": "poly1", "inner_cutoff": 0.3},
    {"cutoff_function": "poly2"},
    {"cutoff_function": "poly3"},
    {"cutoff_function": "poly4"},
    {"cutoff_function": "tanh"},
    {"cutoff_function": "tanh_one"},
    {"cutoff_function": "exponential", "inner_cutoff": 0.1},
    {"cutoff_function": None},
)


def columns(cutoff, settings, species=(1, 6, 8)):
    """The functions of LISTS and MORE in the documented order of the columns."""
    common = {"cutoff": cutoff} | settings
    out = []
    for z in species:
        for f in [{"type": "G1"}, *({"type": "G2"} | f for f in LISTS["g2"]),
                  *({"type": "G3"} | f for f in LISTS["g3"])]:  # fmt: skip
            out.append(common | f | {"neighbors": [z]})
    for b, a in [(b, a) for b in species for a in species if a <= b]:
        for kind in ("G4", "G5"):
            out += [common | {"type": kind, "neighbors": [a, b]} | f for f in LISTS[kind.lower()]]
    return out + [common | f for f in MORE]


@pytest.mark.parametrize("settings", CUTOFFS, ids=lambda s: str(s.get("cutoff_function", "cosine")))
@pytest.mark.parametrize("g5_by", ["auto", "triplets"])
def test_against_the_formulas(settings, g5_by):
    acsf = ACSF(
        cutoff=3.6, g1=True, **LISTS, functions=MORE, species=SPECIES, g5_by=g5_by,
        accuracy=1e-12, **settings,
    )  # fmt: skip
    kinds = ("molecule", "cluster", "skewed", "tiny") if not settings else ("cluster", "bulk")
    for kind in kinds:
        atoms = build(kind, (1, 6, 8), 7, seed=3)
        expected = slow(columns(3.6, settings), atoms, 3.6)
        np.testing.assert_allclose(acsf.compute(atoms).values, expected, rtol=1e-9, atol=1e-9)
    assert np.abs(expected).max(axis=0).min() >= 0 and np.abs(expected).max() > 0.1


COMPACT = [
    {"type": "P2", "low": -3.0, "high": 3.0, "neighbors": [1]},
    {"type": "P2", "low": 0.5, "high": 3.4, "asymmetric": True, "weighted": True},
    {"type": "P4", "low": -3.5, "high": 3.5, "angle_low": -90.0, "angle_high": 90.0,
     "neighbors": [1, 6]},
    {"type": "P4", "low": 0.2, "high": 3.2, "angle_low": 40.0, "angle_high": 170.0,
     "weighted": True, "asymmetric": True},
    {"type": "P5", "low": -3.5, "high": 3.5, "angle_low": 0.0, "angle_high": 360.0, "center": 8,
     "weighted": True, "cutoff_function": "poly3"},
    {"type": "P5", "low": -3.0, "high": 3.0, "angle_low": 30.0, "angle_high": 120.0,
     "neighbors": [1, 1]},
]  # fmt: skip


class TestACSFCompact(SmallACSF):
    parameters = {"functions": COMPACT, "cutoff_function": "poly2"}


@pytest.mark.parametrize("kind", ["cluster", "skewed", "tiny"])
def test_compact_functions_against_the_formula(kind):
    atoms = build(kind, (1, 6, 8), 7, seed=6)
    functions = [{"cutoff_function": "poly2"} | f for f in COMPACT]
    acsf = ACSF(cutoff=3.5, functions=functions, species=SPECIES, accuracy=1e-12)
    expected = slow(functions, atoms, 3.5)
    np.testing.assert_allclose(acsf.compute(atoms).values, expected, rtol=1e-9, atol=1e-9)


def test_names_say_what_columns_are():
    acsf = ACSF(cutoff=4.0, g1=True, g2=[(0.5, 1.0)], g4=[(0.01, 1, -1)], functions=MORE[:3],
                species=["O", "H"])  # fmt: skip
    assert acsf.names().tolist() == [
        "G1[H]", "G2[H] eta=0.5 rs=1", "G1[O]", "G2[O] eta=0.5 rs=1",
        "G4[H,H] eta=0.01 zeta=1 lambda=-1", "G4[H,O] eta=0.01 zeta=1 lambda=-1",
        "G4[O,O] eta=0.01 zeta=1 lambda=-1", "G2[H] at O eta=0.7 rs=0 cutoff=3",
        "G4[H,O] eta=0.1 zeta=2 lambda=1 cutoff=2.5", "wG3 kappa=1",
    ]  # fmt: skip
    assert acsf.columns("H").tolist() == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert acsf.columns("O").tolist() == list(range(10))


def test_collinear_neighbours():
    """At 0 and 180 degrees everything is finite, and triplets and moments agree."""
    atoms = Atoms("COHH", [[0, 0, 0], [0, 0, 1.2], [0, 0, -1.1], [0, 0, 2.1]])
    g5 = [(0.1, 1, -1), (0.1, 2, 1), (0.1, 3, -1)]
    values = []
    for g5_by in ("triplets", "moments"):
        acsf = ACSF(cutoff=3.5, g4=g5, g5=g5, g5_by=g5_by)
        features = acsf.compute(atoms).values
        gradient = acsf.vjp(atoms, np.ones_like(features))
        values.append((features, gradient.positions))
        assert np.isfinite(features).all() and np.isfinite(gradient.positions).all()
    np.testing.assert_allclose(values[0][0], values[1][0], atol=1e-9)
    np.testing.assert_allclose(values[0][1], values[1][1], atol=1e-8)


def test_many_unlike_functions_are_evaluated_one_by_one():
    """Where hardly any factor is shared, products of all with all would be wasted."""
    rng = np.random.default_rng(0)
    g4 = [(eta, zeta + 1, 1.0) for zeta, eta in enumerate(rng.uniform(0.01, 1, 20))]
    atoms = build("cluster", (1, 6, 8), 8, seed=5)
    together = ACSF(cutoff=4.0, g4=g4, weighted=True).compute(atoms).values
    single = [ACSF(cutoff=4.0, g4=[g], weighted=True).compute(atoms).values for g in g4]
    np.testing.assert_allclose(together, np.hstack(single), rtol=1e-9, atol=1e-9)


# -- other programs -----------------------------------------------------------------------------


def stored_frame(name):
    return Atoms(
        STORED[f"{name}/numbers"],
        STORED[f"{name}/positions"],
        cell=STORED[f"{name}/cell"],
        pbc=STORED[f"{name}/pbc"],
    )


DSCRIBE = {
    "r_cut": 6.0,
    "g2_params": [[1.0, 0.0], [0.5, 2.0]],
    "g3_params": [1.0, 2.0],
    "g4_params": [[0.01, 1.0, 1.0], [0.01, 2.0, -1.0]],
    "g5_params": [[0.01, 1.0, 1.0], [0.01, 2.0, -1.0]],
}


@pytest.mark.parametrize("name", ["ethanol_rattled", "Si2_triclinic", "NaCl_8", "InP_antisite"])
@pytest.mark.parametrize("g5_by", ["triplets", "moments"])
def test_dscribe_stored(name, g5_by):
    atoms = stored_frame(name)
    acsf = ACSF.from_dscribe(
        **DSCRIBE, species=sorted(set(atoms.symbols)), periodic=bool(atoms.pbc.any())
    ).set_params(g5_by=g5_by, accuracy=1e-12)
    expected = STORED[f"{name}/dscribe"]
    values = acsf.compute(atoms).values[: len(expected)]
    np.testing.assert_allclose(values, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.peers
@pytest.mark.parametrize("kind", ["molecule", "cluster", "bulk", "skewed"])
def test_dscribe_live(kind):
    descriptors = pytest.importorskip("dscribe.descriptors")
    atoms = build(kind, (1, 6, 8), 6, seed=11)
    parameters = DSCRIBE | {"species": ["O", "C", "H"], "periodic": bool(atoms.pbc.any())}
    theirs = descriptors.ACSF(**parameters).create(atoms)
    ours = ACSF.from_dscribe(**parameters)
    np.testing.assert_allclose(ours.compute(atoms).values, theirs, rtol=1e-9, atol=1e-9)
    assert ours.n_features == theirs.shape[1]


@pytest.mark.parametrize("name", ["ethanol_rattled", "Si2_triclinic", "NaCl_8"])
def test_amp_stored(name):
    atoms = stored_frame(name)
    for what, cutoff_function in (("gaussian_cos", "cosine"), ("gaussian_poly", "polynomial")):
        acsf = ACSF.from_amp(
            list(atoms.symbols), cutoff=6.0, cutoff_function=cutoff_function, accuracy=1e-12
        )
        values = acsf.compute(atoms).values
        np.testing.assert_allclose(values, STORED[f"{name}/amp_{what}"], rtol=1e-9, atol=1e-9)


def test_amp_settings_and_derivatives():
    atoms = stored_frame("ethanol_rattled")
    Gs = json.loads(str(STORED["amp_settings"]))
    acsf = ACSF.from_amp(["H", "C", "O"], Gs, cutoff=6.0, accuracy=1e-12)
    default = ACSF.from_amp(["O", "C", "H"], cutoff=6.0)
    assert default.names().tolist() == acsf.names().tolist()
    jacobian = acsf.jacobian(atoms)
    blocks = {
        (s, a): v for s, a, v in zip(jacobian.sample, jacobian.atom, jacobian.values, strict=True)
    }
    for (moved, of, axis), expected in zip(
        STORED["amp_primes_keys"], STORED["amp_primes"], strict=True
    ):
        np.testing.assert_allclose(blocks[of, moved][axis], expected, rtol=1e-7, atol=1e-8)
    Gs["O"] = Gs["O"][:5]
    some = ACSF.from_amp(["H", "C", "O"], Gs, cutoff=6.0, accuracy=1e-12)
    oxygen = atoms.numbers == 8
    np.testing.assert_allclose(
        some.compute(atoms).values[oxygen][:, some.columns("O")],
        acsf.compute(atoms).values[oxygen][:, :5],
        rtol=1e-12,
    )


N2P2 = sorted({key.split("/")[1] for key in STORED.files if key.startswith("n2p2/")})


@pytest.mark.parametrize("name", N2P2)
def test_n2p2_stored(name):
    lines = str(STORED[f"n2p2/{name}/input"]).splitlines()
    left_out = {}
    if name == "AlAuMgO_4G":  # zeta of -1 and -2: infinite at 180 degrees, a slip in that file
        with pytest.raises(ParameterError, match="zeta"):
            ACSF.from_n2p2("\n".join(lines))
        slips = [line for line in lines if line.split()[-2] in ("-1.0", "-2.0")]
        lines = [line for line in lines if line not in slips]
        left_out = {"Au": len(slips)}
    acsf = ACSF.from_n2p2("\n".join(lines), accuracy=1e-12)
    k = 0
    while f"n2p2/{name}/{k}/positions" in STORED.files:
        at = f"n2p2/{name}/{k}"
        periodic = STORED[f"{at}/lattice"].size == 9
        atoms = Atoms(STORED[f"{at}/symbols"], STORED[f"{at}/positions"] * Bohr, pbc=periodic)
        if periodic:
            atoms.cell = STORED[f"{at}/lattice"] * Bohr
        for symbol in set(atoms.symbols):
            index, expected = STORED[f"{at}/idx_{symbol}"], STORED[f"{at}/G_{symbol}"]
            mine = acsf.compute(atoms, centers=index).values[:, acsf.columns(symbol)]
            if symbol in left_out:
                assert mine.shape[1] == expected.shape[1] - left_out[symbol]
                nearest = np.abs(mine[:, :, None] - expected[:, None, :]).max(axis=0).min(axis=1)
                assert nearest.max() < 1e-9
            else:
                np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-10)
        k += 1
    assert k


def test_n2p2_from_a_file(tmp_path):
    path = tmp_path / "input.nn"
    path.write_text("elements H O\ncutoff_type 2\nsymfunction_short H 2 O 0.1 0.5 4.0\n")
    acsf = ACSF.from_n2p2(path, length_unit="angstrom", pooling="mean")
    assert acsf.names().tolist() == ["G2[O] at H eta=0.1 rs=0.5"] and acsf.pooling == "mean"
    with pytest.raises(FileError, match="missing"):
        ACSF.from_n2p2(tmp_path / "missing.nn")
    for text, message in {
        "elements H\n": "lacks",
        "elements H\nsymfunction_short H 2 H 0.1\n": "line 2",
        "elements H\nsymfunction_short H 26 H H 0.1\n": "type 26",
        "elements H\ncutoff_type 9\nsymfunction_short H 2 H 0.1 0 6\n": "cutoff_type 9",
    }.items():
        with pytest.raises(ParameterError, match=message):
            ACSF.from_n2p2(text)


def test_sets_of_parameters():
    centered, shifted = ACSF.centered(4, cutoff=6.0), ACSF.shifted(4, cutoff=6.0)
    assert [rs for _, rs in shifted] == [0.5, 2.0, 3.5, 5.0]
    assert {eta for eta, _ in shifted} == {0.5 / 1.5**2}
    assert [eta for eta, _ in centered] == [0.5 / rs**2 for _, rs in shifted]
    assert ACSF(g2=centered + shifted, species="H").n_features == 8


# -- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cutoff": -1.0}, "cutoff"),
        ({"g2": 3.0}, "g2"),
        ({"g2": [(1.0, 2.0, 3.0)]}, r"g2\[0\]"),
        ({"g2": [(-1.0, 2.0)]}, "eta"),
        ({"g2": [{"rs": 1.0}]}, "eta"),
        ({"g2": [{"eta": 1.0, "sigma": 1.0}]}, "sigma"),
        ({"g3": ["x"]}, "kappa"),
        ({"g4": [(0.1, 0.5, 1)]}, "zeta"),
        ({"g4": [(0.1, 1, 2)]}, "lambda"),
        ({"g4": [(0.1, 1, np.nan)]}, "lambda"),
        ({"g5": [(0.1, 1.5, 1)], "g5_by": "moments"}, "zeta=1.5"),
        ({"g5": [{"eta": 0.1, "zeta": 1, "lambda": 1, "cutoff": 7.0}]}, "cutoff of 7"),
        ({"g5_by": "magic"}, "g5_by"),
        ({"cutoff_function": "shifted_cosine"}, "cutoff_function"),
        ({"cutoff_function": "polynomial", "gamma": 1.0}, "gamma"),
        ({"inner_cutoff": 1.0}, "inner_cutoff"),
        ({"weighted": "yes"}, "weighted"),
        ({"g1": 1}, "g1"),
        ({"functions": [{"type": "G6"}]}, "type"),
        ({"functions": [{"type": "G2", "eta": 1, "neighbors": ["H", "C"]}]}, "neighbors"),
        ({"functions": [{"type": "G2", "eta": 1, "center": "Xx"}]}, "Xx"),
        ({"functions": [{"type": "G2", "eta": 1, "center": "Au"}], "species": ["H"]}, "Au"),
        ({"functions": [{"type": "G1", "neighbors": "H", "weighted": True}]}, "weighted"),
        ({"functions": [{"type": "P2", "low": 1.0}]}, "high"),
        ({"functions": [{"type": "P2", "low": 2.0, "high": 1.0}]}, "low"),
        ({"functions": [{"type": "P2", "low": 2.0, "high": 7.0}]}, "cutoff of 7"),
        ({"g2": [{"eta": 1.0, "asymmetric": True}]}, "asymmetric"),
        ({"periodic": True}, "periodic"),
        ({"accuracy": 0}, "accuracy"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ParameterError, match=message):
        ACSF(**parameters)


def test_functions_for_other_species():
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 1]])
    acsf = ACSF(functions=[{"type": "G2", "eta": 1.0, "center": "Au"}, {"type": "G1"}])
    assert acsf.compute(atoms).values[0, 0] == 0
    with pytest.raises(VicinalError, match="species"):
        ACSF(functions=[{"type": "G1", "center": "Au"}]).compute(atoms)
