"""What is known of each data set: files, checksums, licences, units. Facts only.

A checksum is the SHA-256 of the file where somebody could compute it: by us for the files of the
data folder and of the repositories of mlearn and BOTNet-datasets; by TensorFlow Datasets for QM9.
Files of GitHub repositories that we have not seen have ``git:``, the name of the blob in the commit
that the address names; rMD17 has the ``md5:`` that figshare states. Where nothing is known there
is none, and what is checked is the number of structures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class File:
    """One file, as it is found in a data folder or at its source."""

    name: str  #: path relative to a data folder
    checksum: str | None = None  #: "algorithm:digits", or SHA-256
    url: str | None = None
    reader: str = "structures"  #: function of :mod:`vicinal.datasets.formats`
    n_structures: int | None = None
    units: Mapping[str, str] = field(default_factory=dict)  #: where not those of the set
    companions: tuple[File, ...] = ()  #: what the reader needs beside it


@dataclass(frozen=True)
class DataSet:
    """A data set: its parts, each with the files it can be read from, the best first."""

    name: str
    summary: str
    citation: str
    licence: str
    targets: Mapping[str, str]  #: with their units; the first is what the set is known for
    parts: Mapping[str, tuple[File, ...]]
    may_download: bool = True  #: the licence lets everybody have it
    note: str = ""
    extensive: Mapping[str, bool] = field(default_factory=dict)  #: targets that grow with size


def _github(repository: str, commit: str, path: str) -> str:
    return f"https://raw.githubusercontent.com/{repository}/{commit}/{path}"


_QM7_SUBSET = DataSet(
    name="qm7-subset",
    summary="500 molecules of QM7, drawn at random: up to 7 heavy atoms of C, N, O and S",
    citation="M. Rupp, A. Tkatchenko, K.-R. Müller, O. A. von Lilienfeld, Phys. Rev. Lett. 108, "
    "058301 (2012), doi:10.1103/PhysRevLett.108.058301",
    licence="MIT (from the tests of the qml package)",
    targets={"atomization_energy": "kcal/mol", "delta_energy": "kcal/mol"},
    extensive={"atomization_energy": True, "delta_energy": True},
    parts={
        "all": (
            File(
                "qm7_subset.extxyz.xz",
                "d22a464a2c126f124a0c30de9c9d439caf11c9e20a550546cea22662e3641e57",
                n_structures=500,
            ),
        )
    },
    note="atomization_energy: PBE0; delta_energy: the same from a cheaper method.",
)

_QML = "8bb833cdbbe69405384d6796920c5418dc53b6ba"
_QM7 = DataSet(
    name="qm7",
    summary="7,101 molecules with up to 7 heavy atoms of C, N, O and S, from GDB-13",
    citation=_QM7_SUBSET.citation
    + "; L. C. Blum, J.-L. Reymond, J. Am. Chem. Soc. 131, 8732 (2009), doi:10.1021/ja902302h",
    licence="MIT as in the tests of the qml package; quantum-machine.org states none for qm7.mat",
    targets=_QM7_SUBSET.targets,
    extensive=_QM7_SUBSET.extensive,
    parts={
        "all": (
            File(
                "qm7.extxyz.xz",
                "8937449fe5f7b60c64df219b0cf9944664670d14cd290b1887f0fa20ec9b2ad1",
                n_structures=7101,
            ),
            File(
                f"qml-{_QML}.tar.gz",  # GitHub does not promise the same bytes twice: no checksum
                url=f"https://github.com/qmlcode/qml/archive/{_QML}.tar.gz",
                reader="qm7_archive",
                n_structures=7101,
            ),
            File("qm7.mat", reader="qm7_matlab", n_structures=7165),
        )
    },
    note="atomization_energy: PBE0; delta_energy: the same from a cheaper method. qm7.mat "
    "(http://quantum-machine.org/data/qm7.mat) has 7,165 molecules, no delta_energy, and "
    'info["fold"], the five folds of the literature; only by path or data folder.',
)

_NMD18 = DataSet(
    name="nmd18",
    summary="3,000 ternary oxides (Al, Ga, In)2O3 of six lattices: the NOMAD 2018 competition",
    citation="C. Sutton et al., npj Comput. Mater. 5, 111 (2019), doi:10.1038/s41524-019-0239-3",
    licence="none stated: not downloaded; get it from "
    "https://github.com/csutton7/nomad_2018_kaggle_dataset",
    targets={"formation_energy": "eV/cation", "bandgap": "eV"},
    extensive={"formation_energy": False, "bandgap": False},
    parts={
        "train": (
            File(
                "nmd18_train.extxyz.xz",
                "134c2c317a36d770799755679b193b5a7258f980c3f657c59c7d9286ff4ed2a9",
                n_structures=2400,
            ),
            File(
                "nomad_2018_kaggle_dataset/train.csv",
                "2be6168b578c4be91b7380e7404a2b58912790d8e03c51b28f4f279f2d8bb872",
                reader="nmd18_table",
                n_structures=2400,
            ),
        ),
        "test": (
            File(
                "nmd18_test.extxyz.xz",
                "696fd99760c3836b69c5ee2e23e95c4945a23f346db60ec1848c74dd58ddd853",
                n_structures=600,
            ),
            File(
                "nomad_2018_kaggle_dataset/labeled_test.csv",
                "9662ace5143d2d5b96904acaf0b5de1b87930178ce5fd762960ac7b695a32e84",
                reader="nmd18_table",
                n_structures=600,
            ),
        ),
    },
    may_download=False,
    note='Unrelaxed geometries, as in the competition; info["spacegroup"] names the lattice.',
)

_MLEARN = "10c427a5480c6281c15c64efaf869b03be04818f"
_ZUO_FILES = {  # element: training and test file: checksum, number of structures
    "Ni": (
        ("git:70f0abe1a2cc06ada3fcd7e5bc68e2139b942228", None),
        ("dccbfa14ddff5d1d35f658c48b68f6b431f95496a5261ef8b8f4d1d41e36008a", 31),
    ),
    "Cu": (
        ("git:9804a3c4335bc6cb796d67b3e90a8f203844ab40", None),
        ("1805a315ce8d0ce4a18bb761df4c4f619909ce114d598d426015d0071edc98c2", 31),
    ),
    "Li": (
        ("1cac01475c5a4fb85771ee1fd23366a6b8abfb9891e0c9e088b6e37228e147b3", 241),
        ("554d0ce60b35a07b357be3a80bf04f68eb8fc97b5a88328caf08c860b5e9b260", 29),
    ),
    "Mo": (
        ("b13305fca0d0d2631ab080c8fcf13c743ee79a911712fb65a34ca88fadf09f9a", 194),
        ("68169e2927c2115daa2f504805fcb9548ee65daf2dd015428807ba92f8e13bb8", 23),
    ),
    "Si": (
        ("ae6d4b0a65b00e0fcf7ba0a6fad366716710d2f0d21d70199203089c6866b500", 214),
        ("d452b30a89f23bff76f7cc529b7b6c2d159ea81ccd5a4599fb1a18207654fa91", 25),
    ),
    "Ge": (
        ("43dee02009a5167f94c7aafce19051222bcfc328c46181750cc2a2018187ca00", 228),
        ("737ea6159c9dd27ebee7fb8ffae22f15e20466884927771248ca4f5b2cd3f093", 25),
    ),
}
_ZUO_EXTXYZ = {
    ("Si", "train"): "e9d33899a966f755a8f5b4c5573af7e7f9da68f7c25d50b8184f4df8de2c1ab4",
    ("Si", "test"): "7327eeea87e51f214ff45446de997e3414ea0e89ff2a0b18b9048bab6094c462",
    ("Li", "train"): "6bab57327fc40c11a5d4badcb0f154517535ec232705af7f5ae48e164d55fbce",
    ("Li", "test"): "39f6f07d9957b904d566b02f7b2bc44b8b94e92ac335b51c9e01d125bf688e2e",
}


def _zuo(element: str) -> DataSet:
    parts = {}
    for part, upstream, (checksum, n) in zip(
        ("train", "test"), ("training", "test"), _ZUO_FILES[element], strict=True
    ):
        path = f"data/{element}/{upstream}.json"
        url = _github("materialsvirtuallab/mlearn", _MLEARN, path)
        parts[part] = (
            File(
                f"zuo_{element}_{part}.extxyz.xz",
                _ZUO_EXTXYZ.get((element, part)),
                n_structures=n,
            ),
            File(f"mlearn/{path}", checksum, url, "mlearn_json", n),
        )
    return DataSet(
        name=f"zuo-{element.lower()}",
        summary=f"{element}: bulk, strained, surfaces, vacancies, molecular dynamics (PBE)",
        citation="Y. Zuo et al., J. Phys. Chem. A 124, 731 (2020), doi:10.1021/acs.jpca.9b08723",
        licence="BSD-3-Clause (mlearn)",
        targets={"energy": "eV", "forces": "eV/Å", "virial_stress_kbar": "kbar"},
        extensive={"energy": True},
        parts=parts,
        note='info["group"] says what a structure is; virial_stress_kbar as in the source, xx yy '
        "zz xy yz xz and positive where compressed; stress is the same in ASE's way.",
    )


_BOTNET = "29e6d467317e4b5967b7ea5cbee54de953fa0d45"


def _3bpa(part: str, checksum: str, packed: str | None = None) -> tuple[File, ...]:
    path = f"dataset_3BPA/{part}.xyz"
    n = 500 if part.startswith("train") else None
    original = File(
        path, checksum, _github("davkovacs/BOTNet-datasets", _BOTNET, path), "structures", n
    )
    return (File(f"3BPA_{part}.extxyz.xz", packed, n_structures=n), original)


_3BPA = DataSet(
    name="3bpa",
    summary="3-(benzyloxy)pyridin-2-amine: training at 300 K or mixed, tests up to 1200 K",
    citation="D. P. Kovács et al., J. Chem. Theory Comput. 17, 7696 (2021), "
    "doi:10.1021/acs.jctc.1c00647",
    licence="MIT (BOTNet-datasets)",
    targets={"energy": "eV", "forces": "eV/Å"},
    extensive={"energy": True},
    parts={
        "train_300K": _3bpa(
            "train_300K",
            "d109971fab90e2231ad931a83eb704c8d940f5c7d7a8de27fe3b84ea18634c0a",
            "509e4553c87a916bf14a19b104ebacae2aab6f752ffd583fce7cbfb28798fb69",
        ),
        "train_mixedT": _3bpa(
            "train_mixedT",
            "bc108532964b2ed259eaaabf82e5dfaffa5bda9ac384fc2afabcce192a49250b",
            "d908edf8024b703b0bfb56c6240e46483ab7015425fa2204ae26223b438231e5",
        ),
        "test_300K": _3bpa("test_300K", "git:6ea840dfce31bd7667a26e592f3625729c90441b"),
        "test_600K": _3bpa("test_600K", "git:681d24eeb4e9193644e6db58193b50e205a5bc0f"),
        "test_1200K": _3bpa("test_1200K", "git:94beb5238c3573e4be4d368928460f951e07e513"),
        "test_dih": _3bpa("test_dih", "git:7bdd390b9aed0a677dd8036a3a5055a0b648d1f5"),
    },
    note="Energies are total energies of DFT (ωB97X/6-31G(d)).",
)

_RMD17_FILES = {  # figshare article 12672038: number of the file, MD5 that figshare states
    "aspirin": (62265757, "17fd6fb69066888613f7e16b358a7553"),
    "azobenzene": (62265754, "be79df918468eb3579aa73a0becf7390"),
    "benzene": (62265739, "18c9242bc90fbf28215f6dd81e650f16"),
    "ethanol": (62265733, "eb837fb8deb27d4e0d52f71a03aff776"),
    "malonaldehyde": (62265736, "cdc1d70c0c34062ddde6e5071eb6fe21"),
    "naphthalene": (62265751, "0efba19c9907e3852318b1e6008b3b9e"),
    "paracetamol": (62265760, "ba10784f7b67635427085f6d7ec2dd97"),
    "salicylic": (62265748, "900fedf242da438400fa4293348d7dd1"),
    "toluene": (62265742, "0f2913d51f8149c90ab28d697a076f64"),
    "uracil": (62265745, "992a4479c28a07e0cce6da964805be31"),
}


def _rmd17(molecule: str) -> DataSet:
    number, md5 = _RMD17_FILES[molecule]
    return DataSet(
        name=f"rmd17-{molecule}",
        summary=f"{molecule}: about 100,000 structures of a trajectory at 500 K (revised MD17)",
        citation="A. S. Christensen, O. A. von Lilienfeld, Mach. Learn.: Sci. Technol. 1, 045018 "
        "(2020), doi:10.1088/2632-2153/abba6f; S. Chmiela et al., Sci. Adv. 3, e1603015 (2017)",
        licence="CC0 (figshare, doi:10.6084/m9.figshare.12672038)",
        targets={"energy": "eV", "forces": "eV/Å"},
        extensive={"energy": True},
        parts={
            "all": (
                File(
                    f"rmd17_{molecule}.npz",
                    f"md5:{md5}",
                    f"https://ndownloader.figshare.com/files/{number}",
                    "rmd17_npz",
                ),
            )
        },
        note="PBE/def2-SVP, converted from kcal/mol. Structures that follow each other in the "
        "trajectory are correlated: the authors ask not to train on more than 1,000.",
    )


_QM9 = DataSet(
    name="qm9",
    summary="130,831 molecules with up to 9 heavy atoms of C, N, O and F, from GDB-17",
    citation="R. Ramakrishnan, P. O. Dral, M. Rupp, O. A. von Lilienfeld, Sci. Data 1, 140022 "
    "(2014), doi:10.1038/sdata.2014.22; L. Ruddigkeit et al., J. Chem. Inf. Model. 52, 2864 (2012)",
    licence="CC0 (figshare, doi:10.6084/m9.figshare.c.978904)",
    targets={
        "U0_atomization": "eV",
        "U_atomization": "eV",
        "H_atomization": "eV",
        "G_atomization": "eV",
        "U0": "eV",
        "U": "eV",
        "H": "eV",
        "G": "eV",
        "zpve": "eV",
        "homo": "eV",
        "lumo": "eV",
        "gap": "eV",
        "mu": "D",
        "alpha": "bohr³",
        "r2": "bohr²",
        "Cv": "cal/(mol K)",
        "mulliken_charges": "e",
    },
    extensive={
        name: True
        for name in "U0_atomization U_atomization H_atomization G_atomization U0 U H G zpve alpha "
        "Cv".split()
    }
    | {name: False for name in ("homo", "lumo", "gap", "mu", "r2")},
    parts={
        "all": (
            File(
                "dsgdb9nsd.xyz.tar.bz2",
                "3a63848ac80691bdb8d41834b575afad345b9300d7a2db0c38adb7f6eaa8360c",
                "https://ndownloader.figshare.com/files/3195389",
                "qm9_archive",
                130831,
                companions=(
                    File(
                        "uncharacterized.txt",
                        "3aa5115d540b356de94791d4a74c3bf1ed91c469ecf52a4f5d7cc0506fe02e24",
                        "https://ndownloader.figshare.com/files/3195404",
                    ),
                ),
            ),
        )
    },
    note="B3LYP/6-31G(2df,p), converted from hartree; without the 3,054 molecules whose geometry "
    "does not agree with the SMILES that it came from.",
)

_RANDOM_CH4 = DataSet(
    name="random-ch4",
    summary="methane, hydrogen anywhere in a sphere around carbon: 1,000 of 7,732,488 structures",
    citation="S. N. Pozdnyakov, M. J. Willatt, M. Ceriotti, Materials Cloud Archive 2020.110, "
    "doi:10.24435/materialscloud:qy-dp; Phys. Rev. Lett. 125, 166001 (2020)",
    licence="MIT for the 1,000 of the examples of pet; for the whole set see the archive",
    targets={"energy": "eV", "forces": "eV/Å"},
    extensive={"energy": True},
    parts={
        "all": (
            File(
                "random_ch4.extxyz.xz",
                "5a8912b0456faa3a0a6345a2015e2d762f9f5fa13202c480ff3073c7dcc02539",
                n_structures=1000,
            ),
            File(
                "methane.extxyz.gz",
                n_structures=7732488,
                units={"energy": "Ha", "forces": "Ha/bohr"},
            ),
        )
    },
    may_download=False,
    note="The whole set is methane.extxyz.gz of "
    "https://archive.materialscloud.org/record/2020.110, in hartree; read a part: index=':10000'.",
)

DATA_SETS: dict[str, DataSet] = {
    data_set.name: data_set
    for data_set in (
        _QM7_SUBSET,
        _QM7,
        _QM9,
        _NMD18,
        *map(_zuo, _ZUO_FILES),
        _3BPA,
        *map(_rmd17, _RMD17_FILES),
        _RANDOM_CH4,
    )
}
