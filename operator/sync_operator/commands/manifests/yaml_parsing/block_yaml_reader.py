"""A fast line reader for the subset of YAML that nearly all manifests use; takes a tenth of a parser's time. Pure.

The subset is block style with each value on the line of its key or dash: a plain scalar, one in quotes without an
escape, ``{}`` or ``[]``. For such a text, values and positions equal those of a YAML parser. Any other text (with an
anchor, a tag, a block scalar, a duplicate key, wrong indentation) is left to that parser.
"""

import re
from functools import lru_cache
from typing import Any, Final

from sync_operator.api.validation.strict_validation import FieldPath
from sync_operator.commands.manifests.spans import Span
from sync_operator.commands.manifests.yaml_parsing.yaml_scalars import WORDS, plain_value

__all__ = ["block_spot", "block_value"]

_OTHER: Final = r"\xa0-\u2027\u202a-\ud7ff"
"""Non-ASCII characters that YAML allows and that end no line; those beyond U+FFFF are left to the parser."""
_WORD: Final = rf"(?:[!-9;-~{_OTHER}]++|:(?=[!-~{_OTHER}]))"
"""Characters of a plain scalar: a colon before a space would end a key."""
_LINE: Final = re.compile(
    r"(?P<indent> *+)(?:(?P<dash>-) ++)?"
    r"(?:(?P<key>[A-Za-z_][A-Za-z0-9_./-]{0,200}+):(?= |$))? *+"
    r"(?:"
    rf'(?P<double>"[ !#-\[\]-~{_OTHER}]*+")|'
    rf"(?P<single>'[ -&(-~{_OTHER}]*+')|"
    r"(?P<empty>\{\}|\[\])|"
    rf"(?P<plain>(?=[A-Za-z0-9_./+(]|-[A-Za-z0-9_.]){_WORD}++(?: ++(?!#){_WORD}++)*+)"
    rf")?(?: ++#[ -~{_OTHER}]*+)?+ *+"
)
_BLANK: Final = re.compile(rf" *(?:#[ -~{_OTHER}]*)?")
_NOTHING: Final = ("indent", "dash")
"""The last group of a line with neither key nor value."""
_MAX_DEPTH: Final = 100
_CACHED_LINES: Final = 16_384


type _Row = tuple[int, int, str | None, Any, bool, str | None, int, int]
"""The content of a line; a plain tuple, because there are millions:

1. column of its dash, or of its key if it has no dash
2. column of its key, or of its scalar if it has no key
3. its key; None for an item that is a scalar
4. the value of its scalar, if it has one
5. True if it has a dash
6. None if its value is a scalar; else ``{}`` or ``[]``, or empty if the value is on the next lines
7. column at which the value begins
8. column after the value
"""


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


def block_spot(text: str, path: FieldPath, *, key: bool) -> Span:
    """The position of a value, or with ``key`` of its name; if it does not exist, that of the nearest outer one.

    Args:
        text: a text for which `block_value` returned a value.
        path: of the value: names and indices from the document's root.
        key: True for the position of the field's name instead of its value.
    """
    value, start, marks = _marked(text)
    found = start
    for part in path:
        inner = marks.get((id(value), part))
        if inner is None:
            return found
        (number, (_, column, name, _, _, _, begin, end)), value = inner, value[part]
        is_scalar = not isinstance(value, dict | list)
        if isinstance(part, int):
            found = at = Span(number, column, column + 1 if name is not None else end)
        else:
            found = Span(number, column, column + len(part))
            at = Span(number, begin, max(end, begin + 1)) if is_scalar else found
    return found if key or not path else at


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
    indent, dash, key, _, _, empty, plain = found.groups()
    if dash is None if key is None else key in WORDS:
        raise _OtherStyleError
    at, kind = len(indent), found.lastgroup or 0
    start, end = found.span(kind)
    rest = None
    if plain is not None:
        try:
            value = plain_value(plain)
        except ValueError:
            raise _OtherStyleError from None
    elif kind == "key":
        value, rest, start, end = None, "", end + 1, end + 1
    elif empty is not None:
        value, rest = None, empty
    else:
        value = line[start + 1 : end - 1]
    column = at if dash is None else start if key is None else found.start("key")
    return at, column, key, value, dash is not None, rest, start, end


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
    for number, row in enumerate(map(_row, text.split("\n"))):
        if row is None:
            continue
        at, inner_column, key, value, is_item, rest, _, _ = row
        if at == column and is_item is in_list and opened is None:
            pass  # one more field or item, as most lines are
        elif at > column or (opened is not None and is_item and at == column):
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
