"""``-o``: a table for people, JSON or YAML for programs, or names for pipes into kubectl."""

import argparse
import json
import sys
from collections.abc import Iterable
from typing import Any, Final

from sync_operator.api.constants import GROUP
from sync_operator.commands.kubectl.views.resource_view import ResourceView
from sync_operator.commands.terminal import in_utf8

__all__ = ["add_output_argument", "as_name", "write_data", "write_names"]

_FORMATS: Final = ("table", "json", "yaml", "name")


def add_output_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``-o``."""
    parser.add_argument("-o", "--output", choices=_FORMATS, default="table", help="format (default: %(default)s)")


def as_name(view: ResourceView) -> str:
    """An object as ``kubectl get -o name`` names it."""
    return f"{view.kind.lower()}.{GROUP}/{view.name}"


def write_data(data: Any, output: str) -> None:
    """Write a document as JSON or YAML to standard output, in UTF-8."""
    stream = in_utf8(sys.stdout)
    if output == "json":
        stream.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
        return
    import yaml  # noqa: PLC0415 (rarely needed)

    yaml.safe_dump(data, stream, sort_keys=False, allow_unicode=True)


def write_names(views: Iterable[ResourceView]) -> None:
    """Write the names of objects, one on a line."""
    sys.stdout.writelines(f"{as_name(view)}\n" for view in views)
