"""Every descriptor that Vicinal knows: name, class, citations, and place on the axes of choice."""

from __future__ import annotations

from vicinal.descriptors.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="soap",
        path="vicinal.descriptors.soap:SOAP",
        summary="Smooth overlap of atomic positions: power spectrum of the neighbour density",
        citations=(
            "A. P. Bartók, R. Kondor, G. Csányi, On representing chemical environments, "
            "Phys. Rev. B 87, 184115 (2013), doi:10.1103/PhysRevB.87.184115",
        ),
        body_order="3",
        locality="local",
        density="smooth (Gaussian) or sharp (delta)",
        radial_basis="GTO, polynomial, spherical Bessel, equispaced Gaussians; any through splines",
        angular_basis="real spherical harmonics",
        chemistry="one channel a species, or mixed channels (compression)",
        symmetrization="contraction of two densities over m (Haar integral, closed form)",
        equivariant_rank=0,
        cost_neighbors="linear",
        cost_species="quadratic; constant when compressed",
        smoothness="that of the cutoff function (shifted cosine: 1)",
        complete_in="pairs and triples of the environment as n_max, l_max grow; not beyond 3-body",
    ),
    Entry(
        name="acsf",
        path="vicinal.descriptors.acsf:ACSF",
        summary="Atom-centred symmetry functions: Behler-Parrinello G1 to G5, and weighted (wACSF)",
        citations=(
            "J. Behler, M. Parrinello, Generalized neural-network representation of "
            "high-dimensional potential-energy surfaces, Phys. Rev. Lett. 98, 146401 (2007), "
            "doi:10.1103/PhysRevLett.98.146401",
            "J. Behler, Atom-centered symmetry functions for constructing high-dimensional neural "
            "network potentials, J. Chem. Phys. 134, 074106 (2011), doi:10.1063/1.3553717",
            "M. Gastegger et al., wACSF: weighted atom-centered symmetry functions as descriptors "
            "in machine learning potentials, J. Chem. Phys. 148, 241709 (2018), "
            "doi:10.1063/1.5019667",
        ),
        body_order="2 (G1-G3) and 3 (G4, G5)",
        locality="local",
        density="none (sums of functions of distances and angles)",
        radial_basis="Gaussians, cosines",
        angular_basis="powers of 1 + lambda cos(theta)",
        chemistry="one function a species and pair of species, or weights Z",
        symmetrization="functions of distances and angles, summed over neighbours",
        equivariant_rank=0,
        cost_neighbors="linear (G1-G3; G5 with integer zeta); pairs of neighbours (G4)",
        cost_species="features quadratic, cost constant; both constant when weighted",
        smoothness="that of the cutoff function (cosine: 1)",
        complete_in="pairs and triples of the environment with ever more functions; not beyond",
    ),
    Entry(
        name="aev",
        path="vicinal.descriptors.aev:AEV",
        summary="Atomic environment vectors of the ANI networks (ANI-1x, ANI-2x)",
        citations=(
            "J. S. Smith, O. Isayev, A. E. Roitberg, ANI-1: an extensible neural network potential "
            "with DFT accuracy at force field computational cost, Chem. Sci. 8, 3192 (2017), "
            "doi:10.1039/C6SC05720A",
            "C. Devereux et al., Extending the applicability of the ANI deep learning molecular "
            "potential to sulfur and halogens, J. Chem. Theory Comput. 16, 4192 (2020), "
            "doi:10.1021/acs.jctc.0c00121",
        ),
        body_order="2 and 3",
        locality="local",
        density="none (sums of functions of distances and angles)",
        radial_basis="shifted Gaussians of the distance, and of the mean of two",
        angular_basis="powers of 1 + cos(theta - theta_s)",
        chemistry="one function a species and pair of species",
        symmetrization="functions of distances and angles, summed over neighbours",
        equivariant_rank=0,
        cost_neighbors="linear (radial); pairs of neighbours within the angular cutoff",
        cost_species="features quadratic, cost constant",
        smoothness="that of the cutoff function (cosine: 1)",
        complete_in="pairs, and triples but for r_ij - r_ik, with ever finer grids; not beyond",
    ),
    Entry(
        name="chebyshev",
        path="vicinal.descriptors.chebyshev:ChebyshevAUC",
        summary="Chebyshev expansion of distances and angles; length independent of species",
        citations=(
            "N. Artrith, A. Urban, G. Ceder, Efficient and accurate machine-learning interpolation "
            "of atomic energies in compositions with many species, Phys. Rev. B 96, 014112 (2017), "
            "doi:10.1103/PhysRevB.96.014112",
        ),
        body_order="2 and 3",
        locality="local",
        density="sharp (delta)",
        radial_basis="Chebyshev polynomials; the cutoff function alone for angles",
        angular_basis="Chebyshev polynomials of the cosine, through spherical harmonics",
        chemistry="one weight a species, in a second copy of the features",
        symmetrization="sums over pairs of neighbours (addition theorem)",
        equivariant_rank=0,
        cost_neighbors="linear",
        cost_species="constant",
        smoothness="that of the cutoff function (cosine: 1)",
        complete_in="the distribution of distances, and that of angles, as orders grow",
    ),
    Entry(
        name="zernike",
        path="vicinal.descriptors.zernike:Zernike",
        summary="Invariants of the neighbour density in 3D Zernike polynomials",
        citations=(
            "A. Khorshidi, A. A. Peterson, Amp: A modular approach to machine learning in "
            "atomistic simulations, Comput. Phys. Commun. 207, 310 (2016), "
            "doi:10.1016/j.cpc.2016.05.010",
        ),
        body_order="3",
        locality="local",
        density="sharp (delta)",
        radial_basis="Zernike polynomials",
        angular_basis="real spherical harmonics",
        chemistry="weights (atomic numbers), or one channel a species",
        symmetrization="contraction of two densities over m, diagonal in n",
        equivariant_rank=0,
        cost_neighbors="linear",
        cost_species="constant; quadratic with one channel a species",
        smoothness="that of the cutoff function (cosine: 1)",
        complete_in="not complete for triples: one radial function for both neighbours",
    ),
    Entry(
        name="so3",
        path="vicinal.descriptors.so3:SO3PowerSpectrum",
        summary="SO(3) power spectrum of a density of weighted neighbours",
        citations=(
            "A. P. Bartók, R. Kondor, G. Csányi, On representing chemical environments, "
            "Phys. Rev. B 87, 184115 (2013), doi:10.1103/PhysRevB.87.184115",
            "H. Yanxon, D. Zagaceta, B. Tang, D. S. Matteson, Q. Zhu, PyXtal_FF: a Python library "
            "for automated force field generation, Mach. Learn.: Sci. Technol. 2, 027001 (2021), "
            "doi:10.1088/2632-2153/abc940",
        ),
        body_order="3",
        locality="local",
        density="smooth (Gaussian) or sharp (delta)",
        radial_basis="polynomials, GTO, spherical Bessel, equispaced Gaussians",
        angular_basis="real spherical harmonics",
        chemistry="weights (atomic numbers), or one channel a species",
        symmetrization="contraction of two densities over m (Haar integral, closed form)",
        equivariant_rank=0,
        cost_neighbors="linear",
        cost_species="constant; quadratic with one channel a species",
        smoothness="that of the cutoff function (cosine: 1)",
        complete_in="pairs and triples of weighted neighbours as n_max, l_max grow",
    ),
    Entry(
        name="so3_bispectrum",
        path="vicinal.descriptors.so3:SO3Bispectrum",
        summary="SO(3) bispectrum: coupled triples of density coefficients",
        citations=(
            "A. P. Bartók, R. Kondor, G. Csányi, On representing chemical environments, "
            "Phys. Rev. B 87, 184115 (2013), doi:10.1103/PhysRevB.87.184115",
        ),
        body_order="4",
        locality="local",
        density="smooth (Gaussian) or sharp (delta)",
        radial_basis="polynomials, GTO, spherical Bessel, equispaced Gaussians",
        angular_basis="real spherical harmonics",
        chemistry="one channel a species, or weights",
        symmetrization="coupling of three densities (Clebsch-Gordan coefficients)",
        equivariant_rank=0,
        cost_neighbors="linear",
        cost_species="linear; constant with weights",
        smoothness="that of the cutoff function (cosine: 1)",
        complete_in="not beyond 4-body: one radial function for all three neighbours",
    ),
    Entry(
        name="so4_bispectrum",
        path="vicinal.descriptors.so4_bispectrum:SO4Bispectrum",
        summary="SO(4) bispectrum of the neighbour density, with a choice of map to the 3-sphere",
        citations=(
            "A. P. Bartók, M. C. Payne, R. Kondor, G. Csányi, Gaussian approximation potentials: "
            "the accuracy of quantum mechanics, without the electrons, Phys. Rev. Lett. 104, "
            "136403 (2010), doi:10.1103/PhysRevLett.104.136403",
            "A. Khorshidi, A. A. Peterson, Amp: a modular approach to machine learning in "
            "atomistic simulations, Comput. Phys. Commun. 207, 310 (2016), "
            "doi:10.1016/j.cpc.2016.05.010",
        ),
        body_order="4",
        locality="local",
        density="sharp (delta functions on the 3-sphere)",
        radial_basis="none: the distance is the third angle of the 3-sphere",
        angular_basis="hyperspherical harmonics (Wigner matrices)",
        chemistry="one density a species, different triples; weights by species",
        symmetrization="coupling of three densities by Clebsch-Gordan coefficients",
        equivariant_rank=0,
        cost_neighbors="linear",
        cost_species="cubic; constant with weights alone",
        smoothness="that of the cutoff function (cosine: 1)",
        complete_in="correlations of up to three neighbours as j_max grows, but for mirror images",
    ),
    Entry(
        name="snap",
        path="vicinal.descriptors.snap:SNAP",
        summary="SNAP's bispectrum components: invariants of the density on the 3-sphere",
        citations=(
            "A. P. Thompson, L. P. Swiler, C. R. Trott, S. M. Foiles, G. J. Tucker, Spectral "
            "neighbor analysis method for automated generation of quantum-accurate interatomic "
            "potentials, J. Comput. Phys. 285, 316 (2015), doi:10.1016/j.jcp.2014.12.018",
        ),
        body_order="4; quadratic: 7",
        locality="local",
        density="sharp (delta functions on the 3-sphere)",
        radial_basis="none: the distance is the third angle of the 3-sphere",
        angular_basis="hyperspherical harmonics (Wigner matrices)",
        chemistry="weights and radii by species; one density a species, all triples (chem)",
        symmetrization="coupling of three densities by Clebsch-Gordan coefficients",
        equivariant_rank=0,
        cost_neighbors="linear",
        cost_species="cubic; constant with weights alone",
        smoothness="that of the cutoff function (cosine: 1)",
        complete_in="correlations of up to three neighbours as j_max grows, but for mirror images",
    ),
    Entry(
        name="afs",
        path="vicinal.descriptors.angular_fourier:AngularFourierSeries",
        summary="Fourier series of the angles between neighbours, in several radial functions",
        citations=(
            "A. P. Bartók, R. Kondor, G. Csányi, On representing chemical environments, "
            "Phys. Rev. B 87, 184115 (2013), doi:10.1103/PhysRevB.87.184115",
        ),
        body_order="3",
        locality="local",
        density="sharp (delta)",
        radial_basis="polynomials, GTO, spherical Bessel",
        angular_basis="cos(l theta), through spherical harmonics",
        chemistry="one channel a species, or weights",
        symmetrization="sums over pairs of neighbours (addition theorem)",
        equivariant_rank=0,
        cost_neighbors="linear",
        cost_species="quadratic; constant with weights",
        smoothness="that of the radial functions (polynomials: 2)",
        complete_in="not complete for triples: one radial function for both neighbours",
    ),
    Entry(
        name="ead",
        path="vicinal.descriptors.ead:EAD",
        summary="Embedded atom density: squared densities of Gaussian orbitals",
        citations=(
            "Y. Zhang, C. Hu, B. Jiang, Embedded atom neural network potentials: efficient and "
            "accurate machine learning with a physically inspired representation, "
            "J. Phys. Chem. Lett. 10, 4962 (2019), doi:10.1021/acs.jpclett.9b02037",
        ),
        body_order="3",
        locality="local",
        density="sharp (delta)",
        radial_basis="powers times Gaussians",
        angular_basis="powers of the cosine (Cartesian monomials), through spherical harmonics",
        chemistry="one channel a species, or weights",
        symmetrization="squares of Cartesian moments, summed over directions",
        equivariant_rank=0,
        cost_neighbors="linear",
        cost_species="linear; constant with weights",
        smoothness="that of the cutoff function (cosine: 1)",
        complete_in="not complete for triples: one radial function for both neighbours",
    ),
    Entry(
        name="fchl19",
        path="vicinal.descriptors.fchl19:FCHL19",
        summary="FCHL19: log-normal pair functions, and triples with an Axilrod-Teller-Muto weight",
        citations=(
            "A. S. Christensen, L. A. Bratholm, F. A. Faber, O. A. von Lilienfeld, FCHL revisited: "
            "faster and more accurate quantum machine learning, J. Chem. Phys. 152, 044107 (2020), "
            "doi:10.1063/1.5126701",
        ),
        body_order="2 and 3",
        locality="local",
        density="none (sums of functions of distances and angles)",
        radial_basis="log-normal functions; shifted Gaussians of the mean of two distances",
        angular_basis="Fourier series of the angle",
        chemistry="one function a species and pair of species",
        symmetrization="functions of distances and angles, summed over neighbours",
        equivariant_rank=0,
        cost_neighbors="pairs of neighbours",
        cost_species="features quadratic, cost constant",
        smoothness="1 at the cutoff (cosine); a kink where three atoms are in line",
        complete_in="pairs; triples only in part (few orders, a mean of distances, one weight)",
    ),
    Entry(
        name="mbtr",
        path="vicinal.descriptors.mbtr:MBTR",
        summary="Many-body tensor representation: distributions of distances, angles, dihedrals",
        citations=(
            "H. Huo, M. Rupp, Unified representation of molecules and crystals for machine "
            "learning, Mach. Learn.: Sci. Technol. 3, 045017 (2022), doi:10.1088/2632-2153/aca005",
        ),
        body_order="1 to 4",
        locality="whole structure",
        density="smooth (Gaussian), of geometry functions of the tuple",
        radial_basis="grid of distances or inverse distances",
        angular_basis="grid of angles or cosines, and of dihedral angles",
        chemistry="one block for each set of species of the tuple",
        symmetrization="invariant geometry functions, summed over tuples",
        equivariant_rank=0,
        cost_neighbors="linear (k=2), quadratic (k=3), cubic (k=4)",
        cost_species="to the power k",
        smoothness="that of the cutoff function (cosine: 1); without one a jump",
        complete_in="the set of distances, of angles, of dihedrals as grids get fine; not beyond",
    ),
    Entry(
        name="lmbtr",
        path="vicinal.descriptors.lmbtr:LMBTR",
        summary="Local many-body tensor representation: distances and angles about a centre",
        citations=(
            "H. Huo, M. Rupp, Unified representation of molecules and crystals for machine "
            "learning, Mach. Learn.: Sci. Technol. 3, 045017 (2022), doi:10.1088/2632-2153/aca005",
            "L. Himanen et al., DScribe: library of descriptors for machine learning in materials "
            "science, Comput. Phys. Commun. 247, 106949 (2020), doi:10.1016/j.cpc.2019.106949",
        ),
        body_order="2 to 3",
        locality="local",
        density="smooth (Gaussian), of geometry functions of the tuple",
        radial_basis="grid of distances or inverse distances",
        angular_basis="grid of angles or cosines",
        chemistry="one block for each set of species of the tuple; that of the centre is not seen",
        symmetrization="invariant geometry functions, summed over tuples",
        equivariant_rank=0,
        cost_neighbors="linear (k=2), quadratic (k=3)",
        cost_species="to the power k - 1",
        smoothness="that of the cutoff function (cosine: 1), without one a jump; angles in degrees "
        "kink where three atoms are in line",
        complete_in="the set of distances and that of angles as grids get fine; not beyond",
    ),
    Entry(
        name="valle_oganov",
        path="vicinal.descriptors.valle_oganov:ValleOganov",
        summary="Valle-Oganov fingerprint of a crystal: its pair distribution, or that of angles",
        citations=(
            "M. Valle, A. R. Oganov, Crystal fingerprint space - a novel paradigm for studying "
            "crystal-structure sets, Acta Cryst. A 66, 507 (2010), doi:10.1107/S0108767310026395",
        ),
        body_order="2 or 3",
        locality="whole structure",
        density="smooth (Gaussian), of distances or angles",
        radial_basis="grid of distances",
        angular_basis="grid of angles",
        chemistry="one block for each set of species of the tuple",
        symmetrization="invariant geometry functions, summed over tuples",
        equivariant_rank=0,
        cost_neighbors="linear (distances), quadratic (angles)",
        cost_species="to the power k",
        smoothness="a jump for distances, unless faded out; 1 for angles",
        complete_in="the set of distances, or of angles, as the grid gets fine; not beyond",
    ),
    Entry(
        name="slatm",
        path="vicinal.descriptors.slatm:SLATM",
        summary="Spectrum of London and Axilrod-Teller-Muto potentials",
        citations=(
            "B. Huang, O. A. von Lilienfeld, Quantum machine learning using atom-in-molecule-based "
            "fragments selected on the fly, Nat. Chem. 12, 945 (2020), "
            "doi:10.1038/s41557-020-0527-z",
        ),
        body_order="1 to 3",
        locality="local",
        density="smooth (Gaussian), of distances and angles",
        radial_basis="grid of distances, weighted with London's r^-6",
        angular_basis="grid of angles, weighted with the triple-dipole energy",
        chemistry="one block for each set of species, times nuclear charges",
        symmetrization="invariant geometry functions, summed over tuples",
        equivariant_rank=0,
        cost_neighbors="quadratic",
        cost_species="cubic",
        smoothness="a jump, unless a cutoff function is given; a kink at three atoms in line",
        complete_in="the set of distances and that of angles as grids get fine; not beyond",
    ),
    Entry(
        name="overlap_matrix",
        path="vicinal.descriptors.overlap_matrix:OverlapMatrix",
        summary="Overlap-matrix fingerprint: eigenvalues of overlaps of s (and p) orbitals",
        citations=(
            "A. Sadeghi et al., Metrics for measuring distances in configuration spaces, J. Chem. "
            "Phys. 139, 184118 (2013), doi:10.1063/1.4828704",
            "L. Zhu et al., A fingerprint based metric for measuring similarities of crystalline "
            "structures, J. Chem. Phys. 144, 034203 (2016), doi:10.1063/1.4940026",
        ),
        body_order="all atoms of the environment",
        locality="local",
        density="smooth (Gaussian orbitals)",
        radial_basis="one Gaussian an atom, its width the covalent radius",
        angular_basis="s, or s and p",
        chemistry="covalent radii",
        symmetrization="eigenvalues",
        equivariant_rank=0,
        cost_neighbors="cubic",
        cost_species="none",
        smoothness="2 nex - 1 (3) at the cutoff; kinks where eigenvalues cross",
        complete_in="no limit; environments with equal spectra are rare with s and p",
    ),
    Entry(
        name="coulomb_matrix",
        path="vicinal.descriptors.coulomb_matrix:CoulombMatrix",
        summary="Coulomb matrix: repulsion of all pairs of nuclei of a molecule",
        citations=(
            "M. Rupp, A. Tkatchenko, K.-R. Müller, O. A. von Lilienfeld, Fast and accurate "
            "modeling of molecular atomization energies with machine learning, Phys. Rev. Lett. "
            "108, 058301 (2012), doi:10.1103/PhysRevLett.108.058301",
        ),
        body_order="2 (entries); all atoms (their order, eigenvalues)",
        locality="whole structure, without periodicity",
        density="none",
        radial_basis="1/r",
        angular_basis="none",
        chemistry="products of atomic numbers",
        symmetrization="sorting by row norms, or eigenvalues",
        equivariant_rank=0,
        cost_neighbors="quadratic in atoms; cubic for eigenvalues",
        cost_species="none",
        smoothness="no cutoff; jumps where sorted rows change places, or eigenvalues are opposite; "
        "eigenvalues kink where they cross",
        complete_in="sorted: molecules whose rows have distinct norms; not as eigenvalues",
    ),
    Entry(
        name="atomic_coulomb_matrix",
        path="vicinal.descriptors.atomic_coulomb_matrix:AtomicCoulombMatrix",
        summary="Coulomb matrix of the atoms around each atom",
        citations=(
            "M. Rupp, R. Ramakrishnan, O. A. von Lilienfeld, Machine learning for quantum "
            "mechanical properties of atoms in molecules, J. Phys. Chem. Lett. 6, 3309 (2015), "
            "doi:10.1021/acs.jpclett.5b01456",
        ),
        body_order="3 (entries); all atoms of the environment (their order, eigenvalues)",
        locality="local, without periodicity",
        density="none",
        radial_basis="1/r",
        angular_basis="none",
        chemistry="products of atomic numbers",
        symmetrization="sorting by distance or row norms, or eigenvalues",
        equivariant_rank=0,
        cost_neighbors="quadratic; cubic for eigenvalues",
        cost_species="none",
        smoothness="1; jumps where sorted rows change places, or eigenvalues are opposite; "
        "eigenvalues kink where they cross",
        complete_in="sorted: environments whose distances (or row norms) are distinct; not as "
        "eigenvalues",
    ),
    Entry(
        name="sine_matrix",
        path="vicinal.descriptors.sine_matrix:SineMatrix",
        summary="Sine matrix: a Coulomb matrix with the period of the lattice",
        citations=(
            "F. Faber, A. Lindmaa, O. A. von Lilienfeld, R. Armiento, Crystal structure "
            "representations for machine learning models of formation energies, Int. J. Quantum "
            "Chem. 115, 1094 (2015), doi:10.1002/qua.24917",
        ),
        body_order="2 (entries); all atoms of the cell (their order, eigenvalues)",
        locality="whole crystal",
        density="none",
        radial_basis="inverse length of the cell vectors times sin²",
        angular_basis="none",
        chemistry="products of atomic numbers",
        symmetrization="sorting by row norms, or eigenvalues; not for the choice of cell",
        equivariant_rank=0,
        cost_neighbors="quadratic in atoms; cubic for eigenvalues",
        cost_species="none",
        smoothness="no cutoff; jumps where sorted rows change places, or eigenvalues are opposite; "
        "eigenvalues kink where they cross",
        complete_in="no limit: the cell itself is not in it",
    ),
    Entry(
        name="ewald_matrix",
        path="vicinal.descriptors.ewald_matrix:EwaldMatrix",
        summary="Ewald sum matrix: electrostatic energy of pairs of nuclei in a crystal",
        citations=(
            "F. Faber, A. Lindmaa, O. A. von Lilienfeld, R. Armiento, Crystal structure "
            "representations for machine learning models of formation energies, Int. J. Quantum "
            "Chem. 115, 1094 (2015), doi:10.1002/qua.24917",
        ),
        body_order="2 (entries); all atoms of the cell (their order, eigenvalues)",
        locality="whole crystal, long-ranged",
        density="none",
        radial_basis="1/r summed over the lattice",
        angular_basis="none",
        chemistry="products of atomic numbers",
        symmetrization="sorting by row norms, or eigenvalues",
        equivariant_rank=0,
        cost_neighbors="power 2.5 of atoms; cubic for eigenvalues",
        cost_species="none",
        smoothness="no cutoff; jumps where sorted rows change places, or eigenvalues are opposite; "
        "eigenvalues kink where they cross",
        complete_in="no limit: lattice sums of 1/r alone",
    ),
    Entry(
        name="bag_of_bonds",
        path="vicinal.descriptors.bag_of_bonds:BagOfBonds",
        summary="Bag of bonds: entries of the Coulomb matrix, sorted within each pair of species",
        citations=(
            "K. Hansen et al., Machine learning predictions of molecular properties: accurate "
            "many-body potentials and nonlocality in chemical space, J. Phys. Chem. Lett. 6, 2326 "
            "(2015), doi:10.1021/acs.jpclett.5b00831",
        ),
        body_order="2",
        locality="whole structure, without periodicity",
        density="none",
        radial_basis="1/r",
        angular_basis="none",
        chemistry="one bag a pair of species; products of atomic numbers",
        symmetrization="sorting within bags",
        equivariant_rank=0,
        cost_neighbors="quadratic in atoms",
        cost_species="quadratic",
        smoothness="no cutoff; continuous, derivatives jump where entries change places",
        complete_in="sets of pair distances of each pair of species",
    ),
)
