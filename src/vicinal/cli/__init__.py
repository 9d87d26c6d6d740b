"""The command line: one file for each command, or for two that belong together.

Whatever is wrong gives one line on stderr and exit status 2. Imports that take long wait until a
command needs them.
"""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from vicinal.cli.check import check
from vicinal.cli.classify import classify
from vicinal.cli.compare import compare
from vicinal.cli.compute import compute
from vicinal.cli.describe import Docstring, list_descriptors, show
from vicinal.cli.map import draw_map
from vicinal.cli.models import fit, predict
from vicinal.errors import VicinalError

__all__ = ["Docstring", "app", "main"]

app = typer.Typer(
    name="vicinal",
    help="Local atomic environment descriptors.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: list[str] | None = None) -> None:
    """Entry point: run a command, and exit."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # readers of files warn at length
    try:
        status = app(arguments, prog_name="vicinal", standalone_mode=False, obj=arguments)
    except VicinalError as error:
        status = _fail(str(error))
    except MemoryError as error:
        status = _fail(f"not enough memory ({error})")
    except (typer.Abort, KeyboardInterrupt):
        status = _fail("interrupted", 130)
    except Exception as error:
        # The parser's own errors; their class is not the same in all versions of typer.
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "vicinal"
        status = _fail(f"{error.format_message()} (see {command} --help)")
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int = 2) -> int:
    print("vicinal: error:", " ".join(message.split()), file=sys.stderr)
    return status


def _version(wanted: bool) -> None:
    if wanted:
        from vicinal import __version__

        print(f"vicinal {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


app.command("list")(list_descriptors)
app.command("map")(draw_map)
for command in (show, compute, check, classify, compare, fit, predict):
    app.command()(command)
