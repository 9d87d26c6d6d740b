"""Search spaces: every choice makes a descriptor that describes molecules or crystals."""

import numpy as np
import pytest

import vicinal as vc
from vicinal.testing.frames import build


@pytest.mark.parametrize("entry", vc.registry.ENTRIES, ids=lambda entry: entry.name)
def test_every_choice_works(entry):
    cls = entry.cls
    kind = "bulk" if cls.needs_cell else "cluster"
    frames = [build(kind, (1, 6, 8), 4, seed=seed) for seed in range(2)]
    space = dict(cls.search_space)
    middle = {name: values[len(values) // 2] for name, values in space.items()}
    cheap = {"n_max": 2, "l_max": 2, "j_max": 1.0, "angular_order": 2}
    middle |= {name: value for name, value in cheap.items() if name in space}
    trials = [middle] if space else [{}]
    for name, values in space.items():
        trials += [middle | {name: values[0]}, middle | {name: values[-1]}]
    for choices in trials:
        values = cls.from_choices(**choices).compute(frames).values
        assert np.isfinite(values).all()
        assert np.abs(values).max() > 0
    assert cls.usual_kernel in ("gaussian", "laplacian")


def test_each_choice_makes_a_difference():
    """No name in a space is ignored by the class."""
    for entry in vc.registry.ENTRIES:
        cls = entry.cls
        first = {name: values[0] for name, values in cls.search_space.items()}
        if entry.name == "acsf":  # without angular functions their eta is of no matter
            first["n_angular"] = 1
        made = cls.from_choices(**first).to_json()
        for name, values in cls.search_space.items():
            assert cls.from_choices(**first | {name: values[-1]}).to_json() != made, name
            assert len(set(map(str, values))) == len(values) > 1
