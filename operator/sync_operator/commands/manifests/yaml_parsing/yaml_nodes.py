"""Composes YAML to nodes, and converts these to values as Kubernetes does, with their positions and errors."""

import re
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sync_operator.api.validation.strict_validation import FieldPath
from sync_operator.commands.manifests.document_splitter import Cut
from sync_operator.commands.manifests.json_reader import MAX_LEVELS, TOO_DEEP
from sync_operator.commands.manifests.spans import Span, YamlError
from sync_operator.commands.manifests.yaml_parsing.yaml_scalars import plain_value
from sync_operator.util.surrogates import pairs_to_yaml, without_padding

__all__ = ["Composer", "NodeReader", "check_depth", "check_syntax", "child_node", "composed", "node_span"]

_PLAIN: Final = "plain"
_TEXT: Final = "text"
_PADDED: Final = "text in which `pairs_to_yaml` has replaced surrogate pairs"
_TAGGED: Final = "tag:yaml.org,2002:"
_NUMBERS: Final = frozenset(f"{_TAGGED}{name}" for name in ("int", "float", "bool", "null"))
_MERGE: Final = "<<"
_MAX_ALIASED: Final = 1_000_000
"""Maximum number of values that aliases may expand to in one document, against "billion laughs" attacks."""
_INDENTED: Final = re.compile(f"^ {{{MAX_LEVELS}}}", re.MULTILINE)
_CONTROLS: Final = re.compile("[\x7f-\x84\x86-\x9f]")


class Composer(yaml.CSafeLoader):
    """Composes nodes; a scalar's tag says how it was written, not its YAML type."""

    padded = False

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:  # noqa: ARG002 (the signature is PyYAML's)
        """The tag of a node."""
        if kind is ScalarNode:
            return _PLAIN if implicit[0] else _PADDED if self.padded else _TEXT
        return _TAGGED  # tags of lists and objects are not used

    def descend_resolver(self, *_: Any) -> None:
        """Do nothing: no tag is resolved by its path."""

    def ascend_resolver(self) -> None:
        """As `descend_resolver`."""


def _loader(text: str) -> Composer:
    whole = pairs_to_yaml(text)
    loader = Composer(whole)
    loader.padded = whole != text
    return loader


@lru_cache(maxsize=2)
def composed(cut: Cut) -> Node | None:
    """The root node of a document that was read; None for JSON that is not valid YAML."""
    loader = None
    try:
        # YAML allows fewer characters than JSON.
        loader = _loader(_CONTROLS.sub("?", cut.text) if cut.is_json else cut.text)
        return loader.get_node() if loader.check_node() else None
    except yaml.YAMLError:
        return None
    finally:
        if loader is not None:
            loader.dispose()


def check_depth(text: str) -> None:
    """Refuse a text whose nesting is so deep that composing it would exhaust the stack; no real manifest is.

    Only texts that can be so deep are parsed event by event: each level takes a bracket, a dash or an indentation.
    """
    brackets = text.count("[") + text.count("{") + text.count("- -")
    if brackets < MAX_LEVELS and _INDENTED.search(text) is None:
        return
    if _deepest(text) > MAX_LEVELS:
        raise yaml.MarkedYAMLError(problem=TOO_DEEP)


def check_syntax(text: str) -> None:
    """Parse the first document of a text, up to the first alias without an anchor, and keep nothing of it.

    Raises:
        yaml.YAMLError: it has a syntax error.
    """
    anchors = set()
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        anchor = event.anchor if isinstance(event, yaml.NodeEvent) else None
        if isinstance(event, yaml.DocumentEndEvent) or (isinstance(event, yaml.AliasEvent) and anchor not in anchors):
            return  # composing reports what is wrong
        anchors.add(anchor)


def _deepest(text: str) -> int:
    """The nesting depth of a text, up to its first syntax error."""
    depth = deepest = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            deepest = max(deepest, depth)
            if deepest > MAX_LEVELS:
                break
    except yaml.YAMLError:
        pass  # composing reports the error
    return deepest


class NodeReader:
    """Converts nodes to values, and collects errors in ``syntax_errors``."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self.syntax_errors: list[YamlError] = []
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._aliased = 0
        self._path: FieldPath = ()

    def value(self, node: Node, name: str | int | None = None) -> Any:
        """The value of a node; ``name`` is its key or index in the outer one.

        Raises:
            yaml.MarkedYAMLError: aliases in it expand without end.
        """
        if node.__class__ is ScalarNode:
            return self._scalar(node)
        again = id(node) in self._seen
        self._seen.add(id(node))
        self._aliased += again and len(node.value) + 1
        if id(node) in self._open or self._aliased > _MAX_ALIASED:
            raise yaml.MarkedYAMLError(problem="aliases that never end", problem_mark=node.start_mark)
        self._open.add(id(node))
        outside = self._path
        self._path = outside if name is None else (*outside, name)
        try:
            if isinstance(node, SequenceNode):
                return [self.value(item, index) for index, item in enumerate(node.value)]
            return self._mapping(node)
        finally:
            self._open.discard(id(node))
            self._path = outside

    def _scalar(self, node: Node) -> Any:
        try:
            return _known_value(node.value) if node.tag == _PLAIN else _scalar_value(node)
        except ValueError as error:
            self._note(node, str(error))
            return None

    def _mapping(self, node: Node) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if _merges(key):
                for source in value.value if isinstance(value, SequenceNode) else (value,):
                    merged = {**self._merged(source), **merged}
                continue
            name = self._key(key)
            if name in own:
                self._note(key, f"{name!r} is written twice; the last one would win silently: remove one of the two")
            own[name] = self._scalar(value) if value.__class__ is ScalarNode else self.value(value, name)
        return {**merged, **own} if merged else own

    def _merged(self, source: Node) -> Mapping[str, Any]:
        found = self.value(source)
        if isinstance(found, Mapping):
            return found
        self._note(source, "cannot be merged; << needs an object")
        return {}

    def _key(self, node: Node) -> str:
        value = self._scalar(node) if node.__class__ is ScalarNode else None
        if value.__class__ is str:
            return str(value)
        if value is None:
            self._note(node, "cannot be the name of a field; write text")
        return _key_text(value)

    def _note(self, node: Node, message: str) -> None:
        self.syntax_errors.append(YamlError(self._cut.spot(node_span(node)), message, self._path))


_known_value: Final = lru_cache(maxsize=8192)(plain_value)
"""Cached, because field names and most values repeat in every document."""


def _scalar_value(node: Node) -> Any:
    if node.tag == _PLAIN or node.tag in _NUMBERS:
        return plain_value(node.value)
    return without_padding(node.value) if node.tag == _PADDED else node.value


def _merges(key: Node) -> bool:
    return bool(key.value == _MERGE and key.tag == _PLAIN)


def _key_text(value: Hashable) -> str:
    """A key as JSON text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def child_node(node: Node, part: str | int) -> tuple[Node, Node] | None:
    """Key and value node of a field, or an item's node twice; None if it is not in the text, but comes from a merge."""
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, MappingNode):
        return next((pair for pair in reversed(node.value) if _is_named(pair[0], part)), None)
    return None


def _is_named(key: Node, part: str | int) -> bool:
    try:
        return isinstance(key, ScalarNode) and _key_text(_scalar_value(key)) == part
    except ValueError:
        return False


def node_span(node: Node) -> Span:
    """The position of a node: its first line."""
    start, end = node.start_mark, node.end_mark
    stop = end.column if end.line == start.line else start.column + 1
    return Span(start.line, start.column, max(stop, start.column + 1))
