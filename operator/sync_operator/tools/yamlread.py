"""From YAML (and JSON, which is YAML) to values as Kubernetes reads them, with the place of each in the text."""

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sync_operator.model.reading import Place
from sync_operator.tools.scalars import plain_value
from sync_operator.tools.surrogates import joined, paired
from sync_operator.tools.yamlwords import objection

__all__ = ["Document", "Misprint", "Spot", "lines_of", "read_documents"]

_PLAIN: Final = "plain"
_TEXT: Final = "text"
_PAIRED: Final = "text of which `paired` has changed some"
_TAGGED: Final = "tag:yaml.org,2002:"
_NUMBERS: Final = frozenset(f"{_TAGGED}{name}" for name in ("int", "float", "bool", "null"))
_MERGE: Final = "<<"
_MOST_ALIASED: Final = 1_000_000
"""Values that aliases may stand for in one document: more is a bomb."""
_DEEPEST: Final = 200
_BREAKS: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a text, counted from 0; ``end`` is the column after it, on the same line."""

    line: int
    column: int
    end: int


@dataclass(frozen=True, slots=True)
class Misprint:
    """What is wrong with a text before it means anything; ``place`` is the object or list that it stands in."""

    spot: Spot
    message: str
    place: Place = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a text.

    Attributes:
        value: JSON values.
        misprints: keys written twice, and what JSON cannot say; there is a value all the same.
    """

    value: Any
    node: Node = field(repr=False)
    misprints: tuple[Misprint, ...] = ()

    def spot(self, place: Place, *, key: bool = False) -> Spot:
        """Where the value at a place stands, or with ``key`` the name before it; the nearest outer one that is there.

        Args:
            place: names and indices from the document's root.
            key: point to the field's name, not to its value.
        """
        node, name = self.node, self.node
        for number, part in enumerate(place):
            found = _child(node, part)
            if found is None:
                return _spot(name if number else node)
            name, node = found
        return _spot(name if key or not isinstance(node, ScalarNode) else node)


class _Composer(yaml.CSafeLoader):
    """Composes nodes; their tags tell how a scalar was written, not what YAML takes it for."""

    paired = False

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:  # noqa: ARG002 (the signature is PyYAML's)
        if kind is ScalarNode:
            return _PLAIN if implicit[0] else _PAIRED if self.paired else _TEXT
        return _TAGGED  # of lists and objects nobody asks


def read_documents(text: str) -> tuple[tuple[Document, ...], Misprint | None]:
    """The documents of a text, empty ones left out, and what ended the reading early, if anything did."""
    found: list[Document] = []
    try:
        _check_depth(text)
        for node in _nodes(text.removeprefix("\ufeff")):
            reader = _Reader()
            value = reader.value(node)
            if value is not None or reader.misprints:
                found.append(Document(value, node, tuple(reader.misprints)))
    except yaml.reader.ReaderError as error:
        before = lines_of(text[: max(0, text.find(chr(error.character)))])
        at = Spot(len(before) - 1, len(before[-1]), len(before[-1]) + 1)
        return tuple(found), Misprint(at, f"holds a character that YAML does not allow: {error.reason}; remove it")
    except yaml.MarkedYAMLError as error:
        (line, column), said = objection(error, lines_of(text))
        return tuple(found), Misprint(Spot(line, column, column + 1), f"cannot be read as YAML: {said}")
    return tuple(found), None


def _check_depth(text: str) -> None:
    """Refuse what is nested so deeply that composing it would exhaust the stack, which no manifest is.

    Only texts that can be as deep are looked at event by event: each level takes a bracket, a dash or an indentation.
    """
    brackets = text.count("[") + text.count("{") + text.count("- -")
    if brackets < _DEEPEST and all(len(line) - len(line.lstrip(" ")) < _DEEPEST for line in text.split("\n")):
        return
    if _deepest(text) > _DEEPEST:
        raise yaml.MarkedYAMLError(problem=f"nested more than {_DEEPEST} levels deep")


def _deepest(text: str) -> int:
    """How deep a text is nested, as far as it can be read."""
    depth = deepest = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            deepest = max(deepest, depth)
            if deepest > _DEEPEST:
                break
    except yaml.YAMLError:
        pass  # composing says what is wrong
    return deepest


def lines_of(text: str) -> list[str]:
    """The lines of a text as YAML counts them."""
    return _BREAKS.split(text.removeprefix("\ufeff"))


def _nodes(text: str) -> Iterator[Node]:
    whole = paired(text)
    loader = _Composer(whole)
    loader.paired = whole != text
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                yield node
    finally:
        loader.dispose()


class _Reader:
    """Turns nodes into values, and notes what cannot be."""

    def __init__(self) -> None:
        self.misprints: list[Misprint] = []
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._aliased = 0
        self._place: Place = ()

    def value(self, node: Node, name: str | int | None = None) -> Any:
        again = id(node) in self._seen
        self._seen.add(id(node))
        self._aliased += again
        if id(node) in self._open or self._aliased > _MOST_ALIASED:
            raise yaml.MarkedYAMLError(problem="aliases that never end", problem_mark=node.start_mark)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        self._open.add(id(node))
        outside = self._place
        self._place = outside if name is None else (*outside, name)
        try:
            if isinstance(node, SequenceNode):
                return [self.value(item, index) for index, item in enumerate(node.value)]
            return self._mapping(node)
        finally:
            self._open.discard(id(node))
            self._place = outside

    def _scalar(self, node: ScalarNode) -> Any:
        try:
            return _scalar_value(node)
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
            own[name] = self.value(value, name)
        return {**merged, **own}

    def _merged(self, source: Node) -> Mapping[str, Any]:
        found = self.value(source)
        if isinstance(found, Mapping):
            return found
        self._note(source, "cannot be merged; << needs an object")
        return {}

    def _key(self, node: Node) -> str:
        value = self._scalar(node) if isinstance(node, ScalarNode) else None
        if value is None:
            self._note(node, "cannot be the name of a field; write text")
        return _key_text(value)

    def _note(self, node: Node, message: str) -> None:
        self.misprints.append(Misprint(_spot(node), message, self._place))


def _scalar_value(node: ScalarNode) -> Any:
    if node.tag == _PLAIN or node.tag in _NUMBERS:
        return plain_value(node.value)
    return joined(node.value) if node.tag == _PAIRED else node.value


def _merges(key: Node) -> bool:
    return isinstance(key, ScalarNode) and key.value == _MERGE and key.tag == _PLAIN


def _key_text(value: Hashable) -> str:
    """A key as JSON has it: always text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _child(node: Node, part: str | int) -> tuple[Node, Node] | None:
    """Key and value of a field, or an item twice; None where the text has none, as when it comes out of a merge."""
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


def _spot(node: Node) -> Spot:
    start, end = node.start_mark, node.end_mark
    stop = end.column if end.line == start.line else start.column + 1
    return Spot(start.line, start.column, max(stop, start.column + 1))
