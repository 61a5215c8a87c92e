"""From objects to YAML that Kubernetes reads back as the same values, and people read without effort."""

from collections.abc import Mapping
from typing import Any, Final

import yaml
from yaml.nodes import Node, ScalarNode

from sync_operator.tools.scalars import plain_value

__all__ = ["dump_yaml"]

_TAG: Final = "tag:yaml.org,2002:"
_WIDTH: Final = 120
_MERGE: Final = "<<"
_FRACTION: Final = frozenset(".eE")


class _Dumper(yaml.CSafeDumper):
    """Puts in quotes what Kubernetes would take for something else than text, and repeats what occurs twice."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is not ScalarNode or not implicit[0]:
            return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]
        return f"{_TAG}{_plain_kind(value)}"

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (the signature is PyYAML's)
        return True


def dump_yaml(value: Mapping[str, Any]) -> str:
    """One document, fields in their order; a text of several lines is a block."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


def _plain_kind(text: str) -> str:
    """What a scalar without quotes would be taken for."""
    if text == _MERGE:
        return "merge"
    try:
        value = plain_value(text)
    except ValueError:
        return "float"
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case str():
            return "str"
        case _:
            return "float" if _FRACTION & set(text) else "int"


def _text(dumper: yaml.CSafeDumper, text: str) -> ScalarNode:
    style = "|" if "\n" in text.strip("\n") else None
    return dumper.represent_scalar(f"{_TAG}str", text, style)


_Dumper.add_representer(str, _text)
