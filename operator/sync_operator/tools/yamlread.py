"""From YAML and JSON to values as Kubernetes reads them, with the place of each in the text."""

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sync_operator.model.reading import Place
from sync_operator.tools.cutting import Cut, cut_documents
from sync_operator.tools.scalars import plain_value
from sync_operator.tools.spots import Misprint, Spot, lines_of, spot_at
from sync_operator.tools.surrogates import joined, paired
from sync_operator.tools.yamlwords import objection

__all__ = ["Document", "read_documents"]

_PLAIN: Final = "plain"
_TEXT: Final = "text"
_PAIRED: Final = "text of which `paired` has changed some"
_TAGGED: Final = "tag:yaml.org,2002:"
_NUMBERS: Final = frozenset(f"{_TAGGED}{name}" for name in ("int", "float", "bool", "null"))
_MERGE: Final = "<<"
_MOST_ALIASED: Final = 1_000_000
"""Values that aliases may stand for in one document: more is a bomb."""
_DEEPEST: Final = 200
_INDENTED: Final = re.compile(f"^ {{{_DEEPEST}}}", re.MULTILINE)
_DIRECTIVE: Final = re.compile(r"(\s|#.*\n)*%")
_DROPPED: Final = (
    "stands behind the end of the document, where kubectl drops it without a word; put --- on a line before it, or "
    "remove it"
)
_INNER_MARK: Final = re.compile("(?<=\n)\ufeff")
_TOO_DEEP: Final = f"nested more than {_DEEPEST} levels deep"
_HALVES: Final = re.compile(r"\\u[dD][89a-fA-F]")
_CONTROLS: Final = re.compile("[\x7f-\x84\x86-\x9f]")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a text.

    Attributes:
        value: JSON values.
        cut: the document in its text.
        start: where its value begins.
        misprints: keys written twice, and what JSON cannot say; there is a value all the same.
    """

    value: Any
    cut: Cut = field(repr=False)
    start: Spot
    misprints: tuple[Misprint, ...] = ()

    def spot(self, place: Place, *, key: bool = False) -> Spot:
        """Where the value at a place stands, or with ``key`` the name before it; the nearest outer one that is there.

        Args:
            place: names and indices from the document's root.
            key: point to the field's name, not to its value.
        """
        if not place:
            return self.start
        node = _composed(self.cut)
        if node is None:
            return self.start
        name = node
        for number, part in enumerate(place):
            found = _child(node, part)
            if found is None:
                return self.cut.spot(_spot(name)) if number else self.start
            name, node = found
        return self.cut.spot(_spot(name if key or not isinstance(node, ScalarNode) else node))


@dataclass(frozen=True, slots=True)
class _Json:
    """A JSON value; ``twice`` where an object in it holds a key twice."""

    value: Any
    twice: bool = False


class _Composer(yaml.CSafeLoader):
    """Composes nodes; their tags tell how a scalar was written, not what YAML takes it for."""

    paired = False

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:  # noqa: ARG002 (the signature is PyYAML's)
        if kind is ScalarNode:
            return _PLAIN if implicit[0] else _PAIRED if self.paired else _TEXT
        return _TAGGED  # of lists and objects nobody asks

    def descend_resolver(self, *_: Any) -> None:
        """Nothing is resolved by its path."""

    def ascend_resolver(self) -> None:
        """As `descend_resolver`."""


def read_documents(text: str) -> Iterator[Document | Misprint]:
    """The documents of a text as `kubectl` cuts it, one after the other; empty ones are left out.

    What cannot be read is told in its place; where it can be cut, what comes after it is read all the same.
    """
    for found in cut_documents(text, _json_value):
        if isinstance(found, Misprint):
            yield found
        elif found[0].is_json:
            cut, value = found
            yield _from_json(cut, value)
        else:
            yield from _from_yaml(found[0])


def _from_json(cut: Cut, read: _Json) -> Document | Misprint:
    start, value = cut.spot(Spot(0, 0, 1)), read.value
    if _too_deep(value):
        return Misprint(start, _TOO_DEEP)
    if _HALVES.search(cut.whole, cut.start, cut.end) and not _can_be_sent(value):
        return Misprint(start, "holds a half of a character, such as \\ud83d; kubectl would put U+FFFD in its place")
    node = _composed(cut) if read.twice else None
    if node is None:
        twice = (Misprint(start, "holds a key twice; the last one would win silently: remove one of the two"),)
        return Document(value, cut, start, twice if read.twice else ())
    reader = _Reader(cut)  # it knows which keys, and where
    reader.value(node)
    return Document(value, cut, start, tuple(reader.misprints))


def _from_yaml(cut: Cut) -> Iterator[Document | Misprint]:
    text = cut.text
    mark = _INNER_MARK.search(text)
    if mark is not None:
        yield Misprint(
            cut.spot(spot_at(text, mark.start())), "is a byte order mark (U+FEFF) within the text; remove it"
        )
        return
    try:
        _check_depth(text)
        loader = _Composer(text)
        try:
            if not loader.check_node():
                return
            node: Any = loader.get_node()
            reader = _Reader(cut)
            value = reader.value(node)
            if value is not None or reader.misprints:
                yield Document(value, cut, cut.spot(_spot(node)), tuple(reader.misprints))
            rest = _rest(loader)
            if rest is not None:
                yield Misprint(cut.spot(rest), _DROPPED)
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        at = spot_at(text, max(0, text.find(chr(error.character))))
        yield Misprint(cut.spot(at), f"holds a character that YAML does not allow: {error.reason}; remove it")
    except yaml.MarkedYAMLError as error:
        (line, column), said = objection(error, lines_of(text), cut.line)
        if _DIRECTIVE.match(text):
            said = "kubectl takes no directive, which is a line that begins with '%'; remove it"
        yield Misprint(cut.spot(Spot(line, column, column + 1)), f"cannot be read as YAML: {said}")


def _rest(loader: _Composer) -> Spot | None:
    """Where something stands behind the first document."""
    try:
        rest: Any = loader.get_node() if loader.check_node() else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return Spot(mark.line, mark.column, mark.column + 1) if mark else Spot(0, 0, 1)
    return None if rest is None else _spot(rest)


def _loader(text: str) -> _Composer:
    whole = paired(text)
    loader = _Composer(whole)
    loader.paired = whole != text
    return loader


@lru_cache(maxsize=2)
def _composed(cut: Cut) -> Node | None:
    """The nodes of a document that was read; None of JSON that is no YAML."""
    loader = None
    try:
        # YAML knows fewer characters than JSON.
        loader = _loader(_CONTROLS.sub("?", cut.text) if cut.is_json else cut.text)
        return loader.get_node() if loader.check_node() else None
    except yaml.YAMLError:
        return None
    finally:
        if loader is not None:
            loader.dispose()


class _KeyTwiceError(Exception):
    """A JSON object holds a key twice."""


def _json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _KeyTwiceError
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number that JSON knows")


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_json_object, parse_int=plain_value, parse_float=plain_value, parse_constant=_no_number
)
_LOOSE: Final = json.JSONDecoder(parse_int=plain_value, parse_float=plain_value, parse_constant=_no_number)


def _json_value(text: str, start: int) -> tuple[_Json, int]:
    """The JSON value that begins at a place, and where it ends.

    Raises:
        ValueError: there is none.
    """
    try:
        value, end = _STRICT.raw_decode(text, start)
    except _KeyTwiceError:
        value, end = _LOOSE.raw_decode(text, start)
        return _Json(value, twice=True), end
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    return _Json(value), end


def _too_deep(value: Any) -> bool:
    """Whether a value is nested so deeply that walking through it would exhaust the stack."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(_DEEPEST + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _can_be_sent(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_depth(text: str) -> None:
    """Refuse what is nested so deeply that composing it would exhaust the stack, which no manifest is.

    Only texts that can be as deep are looked at event by event: each level takes a bracket, a dash or an indentation.
    """
    brackets = text.count("[") + text.count("{") + text.count("- -")
    if brackets < _DEEPEST and _INDENTED.search(text) is None:
        return
    if _deepest(text) > _DEEPEST:
        raise yaml.MarkedYAMLError(problem=_TOO_DEEP)


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


class _Reader:
    """Turns nodes into values, and notes what cannot be."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self.misprints: list[Misprint] = []
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._aliased = 0
        self._place: Place = ()

    def value(self, node: Node, name: str | int | None = None) -> Any:
        if node.__class__ is ScalarNode:
            return self._scalar(node)
        again = id(node) in self._seen
        self._seen.add(id(node))
        self._aliased += again and len(node.value) + 1
        if id(node) in self._open or self._aliased > _MOST_ALIASED:
            raise yaml.MarkedYAMLError(problem="aliases that never end", problem_mark=node.start_mark)
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
        self.misprints.append(Misprint(self._cut.spot(_spot(node)), message, self._place))


_known_value: Final = lru_cache(maxsize=8192)(plain_value)
"""Names of fields, and most values, are in every document."""


def _scalar_value(node: Node) -> Any:
    if node.tag == _PLAIN or node.tag in _NUMBERS:
        return plain_value(node.value)
    return joined(node.value) if node.tag == _PAIRED else node.value


def _merges(key: Node) -> bool:
    return bool(key.value == _MERGE and key.tag == _PLAIN)


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
