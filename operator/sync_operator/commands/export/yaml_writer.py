"""Writes objects as readable YAML that Kubernetes reads back as the same values."""

from collections.abc import Mapping
from typing import Any, Final

import yaml
from yaml.nodes import Node, ScalarNode

from sync_operator.commands.manifests.yaml_parsing.yaml_scalars import plain_value

__all__ = ["dump_yaml"]

_TAG: Final = "tag:yaml.org,2002:"
_WIDTH: Final = 120
_MERGE: Final = "<<"
_FRACTION: Final = frozenset(".eE")


class _Dumper(yaml.CSafeDumper):
    """Quotes strings that Kubernetes would not read as strings, and writes no anchors and aliases."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is not ScalarNode or not implicit[0]:
            return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]
        return f"{_TAG}{_plain_kind(value)}"

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (the signature is PyYAML's)
        return True


def dump_yaml(value: Mapping[str, Any]) -> str:
    """One YAML document with its fields in their order; multi-line strings become block scalars."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


def _plain_kind(text: str) -> str:
    """The type as which Kubernetes would read a scalar without quotes."""
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
