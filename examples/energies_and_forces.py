"""Energies and forces of a linear model on SOAP, in twenty lines.

    python examples/energies_and_forces.py

Trains a ridge regression on the atomisation energies of 400 molecules of QM7 (kcal/mol), prints
its error on 100 others, and the forces that it implies on one of them: the model is linear in the
summed features, so one vjp with its coefficients as cotangent gives all forces.
"""

import numpy as np
from sklearn.linear_model import RidgeCV

import vicinal as vc

data = vc.datasets.load_qm7_subset()
energies = np.asarray(data.targets["atomization_energy"])
train, test = data.frames[:400], data.frames[400:]

soap = vc.SOAP(cutoff=4.0, n_max=6, l_max=4, sigma=0.4, pooling="sum").fit(data.frames)
model = RidgeCV(np.logspace(-8, 0, 9)).fit(soap.transform(train), energies[:400])

errors = model.predict(soap.transform(test)) - energies[400:]
print(f"mean absolute error: {np.abs(errors).mean():.1f} kcal/mol")

molecule = test[0]
forces = -soap.vjp(molecule, model.coef_[None]).positions
print(f"forces on {molecule.get_chemical_formula()}, kcal/mol/Å:\n{forces.round(1)}")

# The same by finite differences, for one coordinate.
step = 1e-4
moved = [molecule.copy(), molecule.copy()]
moved[0].positions[0, 0] += step
moved[1].positions[0, 0] -= step
up, down = model.predict(soap.transform(moved))
print(f"first component: {forces[0, 0]:.6f}, by finite differences {-(up - down) / (2 * step):.6f}")
