"""``vicinal compute``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vicinal.cli import options
from vicinal.cli.options import DescriptorName
from vicinal.descriptors import registry


def compute(
    descriptor: DescriptorName,
    file: Annotated[str, typer.Argument(metavar="FILE", help=options.FILE)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="Where the features go.")
    ],
    settings: options.Settings = None,
    config: options.Config = None,
    pool: Annotated[
        str | None, typer.Option(metavar="mean|sum", help="One row a structure, not one an atom.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(metavar="float64|float32")] = None,
    index: options.Index = ":",
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="All available cores by default.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="npz|extxyz", help="By the name of the output if not given; npz: vicinal.load."
        ),
    ] = None,
) -> None:
    """Compute a descriptor for all structures of a file."""
    parameters = options.parameters(descriptor, settings, config)
    given = {"pooling": pool, "dtype": dtype, "n_threads": threads}
    parameters |= {name: value for name, value in given.items() if value is not None}
    with options.sensible():
        made = registry.make(descriptor, **parameters)

    from vicinal.streaming import compute_file

    with options.interruptible(), options.progress() as progress:
        done = compute_file(made, file, output, format=format, index=index, progress=progress)
    rate = 1e6 * done.compute_seconds / max(done.n_environments, 1)
    counts = (
        f"{n} {what}{'s' * (n != 1)}"
        for n, what in (
            (done.n_structures, "structure"),
            (done.n_environments, "environment"),
            (done.n_features, "feature"),
        )
    )
    print(
        f"{output}: {', '.join(counts)}; {done.seconds:.2f} s, "
        f"{rate:.1f} µs per environment to compute"
    )
