"""A fast line reader for the subset of YAML that nearly all manifests use; takes a tenth of a parser's time. Pure.

The subset is block style with each value on the line of its key or dash: a plain scalar, one in quotes without an
escape, ``{}`` or ``[]``. For such a text, values and positions equal those of a YAML parser. Any other text (with an
anchor, a tag, a block scalar, a duplicate key, wrong indentation) is left to that parser.
"""

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sync_operator.api.validation.strict_validation import FieldPath
from sync_operator.commands.manifests.spans import Span
from sync_operator.commands.manifests.yaml_parsing.yaml_scalars import plain_value

__all__ = ["block_spot", "block_value"]

_OTHER: Final = r"\xa0-\u2027\u202a-\ud7ff"
"""Non-ASCII characters that YAML allows and that end no line; those beyond U+FFFF are left to the parser."""
_WORD: Final = rf"(?:[!-9;-~{_OTHER}]|:(?=[!-~{_OTHER}]))"
"""A character of a plain scalar: a colon before a space would end a key."""
_LINE: Final = re.compile(
    r"(?P<indent> *+)(?:(?P<dash>-) ++)?"
    r"(?:(?P<key>[A-Za-z_][A-Za-z0-9_./-]{0,200}):(?= |$))? *+"
    r"(?:"
    rf'(?P<double>"[ !#-\[\]-~{_OTHER}]*")|'
    rf"(?P<single>'[ -&(-~{_OTHER}]*')|"
    r"(?P<empty>\{\}|\[\])|"
    rf"(?P<plain>(?=[A-Za-z0-9_./+(]|-[A-Za-z0-9_.]){_WORD}++(?: ++(?!#){_WORD}++)*)"
    rf")?(?: ++#[ -~{_OTHER}]*)? *"
)
_BLANK: Final = re.compile(rf" *(?:#[ -~{_OTHER}]*)?")
_NOTHING: Final = ("indent", "dash")
"""The last group of a line with neither key nor value."""
_MAX_DEPTH: Final = 100
_CACHED_LINES: Final = 16_384


class _Row(NamedTuple):
    """The content of a line.

    Attributes:
        at: column of its dash, or of its key if it has no dash.
        column: column of its key, or of its scalar if it has no key.
        key: its key; None for an item that is a scalar.
        value: the value of its scalar, if it has one.
        is_item: True if it has a dash.
        rest: None if its value is a scalar; else ``{}`` or ``[]``, or empty if the value is on the next lines.
        start: column at which the value begins.
        end: column after the value.
    """

    at: int
    column: int
    key: str | None
    value: Any
    is_item: bool
    rest: str | None
    start: int
    end: int


class _OtherStyleError(Exception):
    """The text is not in the subset and must be read by a YAML parser."""


type _Marks = dict[tuple[int, str | int], tuple[int, _Row]]
"""By the container's `id()`, and a name or an index in it: the number and content of its line."""


def block_value(text: str) -> tuple[Any, Span] | None:
    """The value of a document and its position; None if a YAML parser must read it, or if it is empty."""
    try:
        return _read(text, None)
    except _OtherStyleError:
        return None


def block_spot(text: str, place: FieldPath, *, key: bool) -> Span:
    """The position of a value, or with ``key`` of its name; if it does not exist, that of the nearest outer one.

    Args:
        text: a text for which `block_value` returned a value.
        place: path of the value: names and indices from the document's root.
        key: True for the position of the field's name instead of its value.
    """
    value, start, marks = _marked(text)
    found = start
    for part in place:
        inner = marks.get((id(value), part))
        if inner is None:
            return found
        (number, row), value = inner, value[part]
        is_scalar = not isinstance(value, dict | list)
        if isinstance(part, int):
            end = row.column + 1 if row.key is not None else row.end
            found = at = Span(number, row.column, end)
        else:
            found = Span(number, row.column, row.column + len(part))
            at = Span(number, row.start, max(row.end, row.start + 1)) if is_scalar else found
    return found if key or not place else at


@lru_cache(maxsize=1)
def _marked(text: str) -> tuple[Any, Span, _Marks]:
    """The value of a text, its position, and the positions of all values in it; cached for the text's next problem."""
    marks: _Marks = {}
    value, start = _read(text, marks)
    return value, start, marks


@lru_cache(maxsize=_CACHED_LINES)
def _row(line: str) -> _Row | None:
    """The content of a line; None for a blank one.

    Raises:
        _OtherStyleError: the line is not, or may not be, in the subset.
    """
    found = _LINE.fullmatch(line)
    if found is None or found.lastgroup in _NOTHING:
        if _BLANK.fullmatch(line):
            return None
        raise _OtherStyleError
    indent, dash, key, double, single, empty, plain = found.groups()
    if (key is None and dash is None) or (key is not None and plain_value(key).__class__ is not str):
        raise _OtherStyleError
    at = len(indent)
    if plain is not None:
        start, end = found.span("plain")
        try:
            value = plain_value(plain)
        except ValueError:
            raise _OtherStyleError from None
    elif double is None and single is None:
        start, end = found.span("empty") if empty else (found.end("key") + 1,) * 2
        value = None
    else:
        start, end = found.span(found.lastgroup or 0)
        value = line[start + 1 : end - 1]
    column = at if dash is None else start if key is None else found.start("key")
    rest = (empty or "") if value is None and plain is None else None
    return _Row(at, column, key, value, dash is not None, rest, start, end)


def _read(text: str, marks: _Marks | None) -> tuple[Any, Span]:  # noqa: C901, PLR0912 (the inmost loop)
    """The value of a text and its position; fills ``marks`` if given.

    Raises:
        _OtherStyleError: a YAML parser must read the text, or it is empty.
    """
    if not text.endswith("\n"):
        raise _OtherStyleError
    outer: list[tuple[Any, int, bool]] = []
    top: Any = None
    root: Any = None
    start = Span(0, 0, 1)
    column, in_list = -1, False
    opened: str | None = None
    for number, line in enumerate(text.split("\n")):
        row = _row(line)
        if row is None:
            continue
        at, inner_column, key, value, is_item, rest, _, _ = row
        if at > column or (opened is not None and is_item and at == column):
            # A container begins: that of the document, or the value of a key that is alone on its line.
            new: Any = [] if is_item else {}
            if root is None:
                root, start = new, Span(number, at, at + 1)
            elif opened is None or len(outer) > _MAX_DEPTH:
                raise _OtherStyleError
            else:
                top[opened] = new
            outer.append((top, column, in_list))
            top, column, in_list = new, at, is_item
        else:
            while at < column or (in_list and not is_item and at == column):
                top, column, in_list = outer.pop()
            if at != column or is_item is not in_list:
                raise _OtherStyleError
        opened = None
        if rest is not None:
            value = {} if rest == "{}" else [] if rest else None
            opened = key if not rest else None
        if is_item:
            if marks is not None:
                marks[id(top), len(top)] = number, row
            if key is None:
                top.append(value)
                continue
            inner: Any = {}
            top.append(inner)
            outer.append((top, column, True))
            top, column, in_list = inner, inner_column, False
        if key is None or key in top:
            raise _OtherStyleError
        top[key] = value
        if marks is not None:
            marks[id(top), key] = number, row
    if root is None:
        raise _OtherStyleError
    return root, start
