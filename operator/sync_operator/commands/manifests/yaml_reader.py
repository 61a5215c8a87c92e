"""Reads YAML and JSON as Kubernetes does, with the position of each value in the text."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import yaml
from yaml.nodes import ScalarNode

from sync_operator.api.validation.strict_validation import FieldPath
from sync_operator.commands.manifests.block_list_reader import BlockItems, block_items
from sync_operator.commands.manifests.document_splitter import Cut, cut_documents
from sync_operator.commands.manifests.json_reader import (
    MAX_LEVELS,
    TOO_DEEP,
    JsonItems,
    is_encodable,
    is_too_deep,
    json_end,
    json_items,
    json_value,
)
from sync_operator.commands.manifests.spans import Span, YamlError, break_count, line_start, lines_of, spot_at
from sync_operator.commands.manifests.yaml_parsing.block_yaml_reader import block_spot, block_value
from sync_operator.commands.manifests.yaml_parsing.yaml_errors import explain_yaml_error
from sync_operator.commands.manifests.yaml_parsing.yaml_nodes import (
    Composer,
    NodeReader,
    check_depth,
    check_syntax,
    child_node,
    composed,
    node_span,
)

__all__ = ["Document", "Piece", "parsed_documents", "read_documents", "read_piece", "read_rest", "split_text"]

_DIRECTIVE: Final = re.compile(r"(\s|#.*\n)*%")
_DROPPED: Final = (
    "stands behind the end of the document, where kubectl drops it without a word; put --- on a line before it, or "
    "remove it"
)
_INNER_MARK: Final = re.compile("(?<=\n)\ufeff")
_DASH: Final = " -"
_HALVES: Final = re.compile(r"\\u[dD][89a-fA-F]")
_END_MARK: Final = re.compile(r"^\.\.\.", re.MULTILINE)


@dataclass(slots=True)  # not frozen, which takes four times as long, once for each object of a file
class Document:
    """One document of a text.

    Attributes:
        value: the document as JSON values.
        cut: the document's part of the text.
        start: position of its value.
        syntax_errors: duplicate keys, and values that JSON lacks; the document has a value nevertheless.
        in_blocks: True if it was read without a YAML parser.
        head: for an item of a List that is read item by item: the List's other fields; ``value`` is a list of the item.
        skipped: number of items at the beginning of a List that earlier documents hold.
    """

    value: Any
    cut: Cut = field(repr=False)
    start: Span
    syntax_errors: tuple[YamlError, ...] = ()
    in_blocks: bool = False
    head: Mapping[str, Any] | None = None
    skipped: int = 0

    def spot(self, path: FieldPath, *, key: bool = False) -> Span:
        """The position of a value, or with ``key`` of its name; if it does not exist, that of the nearest outer one.

        Args:
            path: of the value: names and indices from the document's root.
            key: True for the position of the field's name instead of its value.
        """
        if not path or (self.head is not None and len(path) == 1):
            return self.start
        if self.in_blocks:
            return self.cut.spot(block_spot(self.cut.text, path, key=key))
        node = composed(self.cut)
        if node is None:
            return self.start
        name = node
        if self.cut.is_json and self.head is not None:
            path = path[1:]  # the text of an item in JSON has no list around it
        for number, part in enumerate(path):
            found = child_node(node, part)
            if found is None:
                return self.cut.spot(node_span(name)) if number else self.start
            name, node = found
        return self.cut.spot(node_span(name if key or not isinstance(node, ScalarNode) else node))


@dataclass(slots=True)  # not frozen, as `Document`
class Piece:
    """A part of a text that is read by itself: a document, or an item of a List.

    Attributes:
        cut: its part of the text.
        head: for an item: the List's other fields.
        listed: for an item of a List in YAML: the List.
        number: for an item: its index in the List.
    """

    cut: Cut
    head: Mapping[str, Any] | None = field(default=None, repr=False)
    listed: Cut | None = field(default=None, repr=False)
    number: int = 0


def read_documents(text: str) -> Iterator[Document | YamlError]:
    """The documents of a text, split as `kubectl` does; empty ones are left out.

    The items of a List come one by one where that is possible, so that a long List is never held as values as a whole.
    For a document that cannot be read there is an error instead of it; the documents after it are still read.
    """
    whole = None
    for piece in split_text(text):
        if isinstance(piece, YamlError):
            yield piece
        elif piece.listed is None or piece.listed is not whole:
            found = read_piece(piece)
            if found is None:
                whole, found = piece.listed, read_rest(piece)
            yield from found


def split_text(text: str) -> Iterator[Piece | YamlError]:
    """The pieces of a text in order; an error where splitting cannot go on."""
    for found in cut_documents(text, _look_at_json):
        if isinstance(found, YamlError):
            yield found
            continue
        cut, listed = found
        if listed is None and not cut.is_json:
            listed = block_items(cut.text)
        yield from (Piece(cut),) if listed is None else _items(cut, listed)


def read_piece(piece: Piece) -> Iterable[Document | YamlError] | None:
    """The documents of a piece; None for an item that cannot be read by itself, so that `read_rest` must read it.

    It has an alias of an earlier item's anchor, or an error of which the parser tells only with all before it.
    """
    if piece.cut.is_json:
        return (_from_json(piece.cut, piece.head),)
    if piece.head is None:
        return _from_yaml(piece.cut)
    item = _item(piece.cut, piece.head)
    return None if item is None else (item,)


def read_rest(piece: Piece) -> Iterator[Document | YamlError]:
    """The List of an item, read as a whole, without the items before it."""
    for entry in parsed_documents(piece.listed or piece.cut, is_doubtful=True):
        yield replace(entry, skipped=piece.number) if isinstance(entry, Document) else entry


def _look_at_json(text: str, start: int) -> tuple[JsonItems | None, int]:
    listed = json_items(text, start)
    return (listed, json_end(text, start) if listed is None else listed.end)


def _items(cut: Cut, listed: JsonItems | BlockItems) -> Iterator[Piece]:
    first = cut.start if isinstance(listed, BlockItems) else 0
    line, at = cut.line, cut.start
    for number, span in enumerate(listed.spans()):
        start, end = first + span[0], first + span[1]
        line, at = line + break_count(cut.whole, at, start), start
        if cut.is_json:
            column = start - line_start(cut.whole, start)
            yield Piece(Cut(cut.whole, start, end, line, column, is_json=True), listed.head, number=number)
        else:
            yield Piece(Cut(cut.whole, start, end, line), listed.head, cut, number)


def _from_json(cut: Cut, head: Mapping[str, Any] | None) -> Document | YamlError:
    """A JSON value, or with ``head`` an item of a List."""
    start, path = cut.spot(Span(0, 0, 1)), () if head is None else (0,)
    try:
        read, _ = json_value(cut.whole, cut.start)
    except ValueError as error:  # nested so deeply that the first look just managed it
        return YamlError(start, str(error))
    value = read.value
    brackets = cut.whole.count("[", cut.start, cut.end) + cut.whole.count("{", cut.start, cut.end)
    if brackets > MAX_LEVELS and is_too_deep(value):  # each level takes a bracket, and most objects have few
        return YamlError(start, TOO_DEEP)
    if _HALVES.search(cut.whole, cut.start, cut.end) and not is_encodable(value):
        return YamlError(start, "holds a half of a character, such as \\ud83d; kubectl would put U+FFFD in its path")
    syntax_errors: tuple[YamlError, ...] = ()
    if read.has_duplicate_key:
        syntax_errors = (YamlError(start, "holds a key twice; the last one would win silently: remove one of the two"),)
        node = composed(cut)
        if node is not None:
            reader = NodeReader(cut)  # finds the duplicate keys and their positions
            reader.value(node)
            syntax_errors = tuple(reader.syntax_errors)
    syntax_errors = tuple(replace(error, path=(*path, *error.path)) for error in syntax_errors)
    return Document(value if head is None else [value], cut, start, syntax_errors, head=head)


def _from_yaml(cut: Cut) -> Iterator[Document | YamlError]:
    quick = block_value(cut.text)
    if quick is not None:
        value, start = quick
        yield Document(value, cut, cut.spot(start), in_blocks=True)
        return
    yield from parsed_documents(cut)


def _item(cut: Cut, head: Mapping[str, Any]) -> Document | None:
    """An item of a List in block style; None if it cannot be read by itself."""
    text = cut.text
    found = block_value(text)
    if found is None:
        return _parsed_item(cut, head)
    value, start = found
    if not (isinstance(value, list) and len(value) == 1):
        return None
    if isinstance(value[0], dict):  # it begins after the dash
        column = len(text) - len(text.lstrip(_DASH))
        start = Span(0, column, column + 1)
    else:
        start = block_spot(text, (0,), key=False)
    return Document(value, cut, cut.spot(start), in_blocks=True, head=head)


def _parsed_item(cut: Cut, head: Mapping[str, Any]) -> Document | None:
    if _END_MARK.search(cut.whole, cut.start, cut.end):
        return None  # what stands behind the List is not seen here
    match list(parsed_documents(cut)):
        case [Document(value=[_]) as document]:
            return replace(document, start=document.spot((0,)), head=head)
        case _:
            return None


def parsed_documents(cut: Cut, *, is_doubtful: bool = False) -> Iterator[Document | YamlError]:
    """The documents of a part of a text, read by the YAML parser.

    Args:
        cut: the part of the text.
        is_doubtful: True to search for syntax errors first, which takes time but no memory.
    """
    text = cut.text
    mark = _INNER_MARK.search(text)
    if mark is not None:
        yield YamlError(
            cut.spot(spot_at(text, mark.start())), "is a byte order mark (U+FEFF) within the text; remove it"
        )
        return
    try:
        check_depth(text)
        if is_doubtful:
            check_syntax(text)
        loader = Composer(text)
        try:
            if not loader.check_node():
                return
            node: Any = loader.get_node()
            reader = NodeReader(cut)
            value = reader.value(node)
            if value is not None or reader.syntax_errors:
                yield Document(value, cut, cut.spot(node_span(node)), tuple(reader.syntax_errors))
            rest = _rest(loader)
            if rest is not None:
                yield YamlError(cut.spot(rest), _DROPPED)
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        at = spot_at(text, max(0, text.find(chr(error.character))))
        yield YamlError(cut.spot(at), f"holds a character that YAML does not allow: {error.reason}; remove it")
    except yaml.MarkedYAMLError as error:
        (line, column), said = explain_yaml_error(error, lines_of(text), cut.line)
        if _DIRECTIVE.match(text):
            said = "kubectl takes no directive, which is a line that begins with '%'; remove it"
        yield YamlError(cut.spot(Span(line, column, column + 1)), f"cannot be read as YAML: {said}")


def _rest(loader: Composer) -> Span | None:
    """The position of any content after the first document; None if there is none."""
    try:
        rest: Any = loader.get_node() if loader.check_node() else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return Span(mark.line, mark.column, mark.column + 1) if mark else Span(0, 0, 1)
    return None if rest is None else node_span(rest)
