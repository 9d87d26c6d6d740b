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
        complete_in="correlations of up to three neighbours as j_max grows, mirror images apart",
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
        complete_in="correlations of up to three neighbours as j_max grows, mirror images apart",
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
        smoothness="that of the cutoff function (cosine: 1); without one a jump",
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
)
