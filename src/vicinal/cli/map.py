"""``vicinal map``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vicinal.cli import options


def draw_map(
    file: Annotated[str, typer.Argument(metavar="FILE", help=options.FILE)],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="map.json.gz for https://chemiscope.org, or map.png.",
        ),
    ],
    descriptor: Annotated[
        str, typer.Option("--descriptor", "-d", help="Name, as `vicinal list` shows it.")
    ] = "soap",
    settings: options.Settings = None,
    config: options.Config = None,
    png: Annotated[Path | None, typer.Option(metavar="OUT", help="Also a picture.")] = None,
    method: Annotated[
        str, typer.Option(metavar="pca|kpca|umap", help="kpca: kernel PCA; umap needs umap-learn.")
    ] = "pca",
    per: Annotated[
        str, typer.Option(metavar="structure|atom", help="What a point is.")
    ] = "structure",
    color: Annotated[
        str | None,
        typer.Option(help="Property by which points are coloured; see the file for the others."),
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Of that property.")] = None,
    dimensions: Annotated[int, typer.Option(metavar="2|3")] = 2,
    standardize: Annotated[
        bool, typer.Option("--standardize", help="Features with unit variance.")
    ] = False,
    kernel: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,PARAMETER=VALUE]",
            help="Of kpca: gaussian,length_scale=2; polynomial,degree=4; laplacian; linear.",
        ),
    ] = None,
    landmarks: Annotated[
        int, typer.Option(metavar="N", help="Points that the axes of kpca come from.")
    ] = 1_000,
    max_points: Annotated[
        int, typer.Option(metavar="N", help="Of more, as many are drawn at random.")
    ] = 20_000,
    index: options.Index = ":",
    seed: Annotated[int, typer.Option(metavar="N", help="Of everything random.")] = 0,
) -> None:
    """Draw a map of structures or atoms: like beside like, coloured by a property."""
    from vicinal import maps
    from vicinal.descriptors import registry
    from vicinal.errors import ParameterError
    from vicinal.pages.files import output_name

    outputs = [output] if png is None else [output, png]
    for path, suffixes in zip(outputs, (maps.SUFFIXES, (".png",)), strict=False):
        output_name(path, suffixes, "a map")  # before the work, not after it
    if unit is not None and color is None:
        raise ParameterError("--unit is that of --color: say which property")
    parameters = options.parameters(descriptor, settings, config)
    with options.sensible():
        made = registry.make(descriptor, **parameters)
        similarity = None if kernel is None else options.kernel(kernel)
    with options.interruptible(), options.warnings_shown():
        with options.progress() as progress:
            found = maps.make(
                file,
                made,
                method=method,
                per=per,
                dimensions=dimensions,
                standardize=standardize,
                kernel=similarity,
                landmarks=landmarks,
                color=color,
                units=None if unit is None else {color: unit},
                max_points=max_points,
                index=index,
                seed=seed,
                progress=progress,
            )
        for path in outputs:
            found.save(path)
    share = ""
    if found.explained is not None:
        share = f", {found.explained.sum():.1%} of the variance in {dimensions} dimensions"
    n = len(found.coordinates)
    print(f"{', '.join(map(str, outputs))}: {n} {per}s{share}; coloured by {found.color}")
