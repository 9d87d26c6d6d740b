"""How a report is made again: the command, and the same in Python."""

from __future__ import annotations

import json
import shlex
from typing import Any

from vicinal.criteria.results import Report
from vicinal.descriptors import registry
from vicinal.pages.parts import plain


def registered(report: Report) -> bool:
    """Is it about a descriptor of the registry (and not a function that has the same name)?"""
    return report.name in registry.names() and bool(report.parameters)


def changed(report: Report) -> dict[str, Any]:
    """The parameters that are not the defaults (all of them where nobody knows the defaults)."""
    if not registered(report):
        return report.parameters
    defaults = registry.get(report.name).cls().get_params(deep=False)
    return {
        name: value
        for name, value in report.parameters.items()
        if name not in defaults or plain(defaults[name]) != value
    }


def command(report: Report) -> str:
    """The command line; that of the report itself if it came from one."""
    if "command" in report.about:
        return str(report.about["command"])
    words = ["vicinal", "check", report.name]
    if _files(report):
        words.append("FILE")
    for name, value in changed(report).items():
        words += ["--set", f"{name}={json.dumps(value)}"]
    if len(report.sections) < 6:
        words += ["--criteria", ",".join(section.key for section in report.sections)]
    words += ["--quick"] if report.about.get("quick") else []
    words += ["--seed", str(report.about["seed"])] if report.about.get("seed") else []
    return shlex.join(words)


def python(report: Report) -> str:
    """The line of Python."""
    name = report.name
    if registered(report):
        own = ", ".join(f"{key}={value!r}" for key, value in changed(report).items())
        what = f"vc.registry.make({name!r}, {own})" if own else repr(name)
    else:
        what = name
    arguments = [what] + ["frames"] * _files(report)
    if len(report.sections) < 6:
        arguments.append(f"criteria={[section.key for section in report.sections]}")
    for key in ("quick", "seed"):
        if report.about.get(key):
            arguments.append(f"{key}={report.about[key]!r}")
    return f"vc.criteria.check({', '.join(arguments)})"


def _files(report: Report) -> bool:
    return report.about.get("structures", "built-in") != "built-in"
