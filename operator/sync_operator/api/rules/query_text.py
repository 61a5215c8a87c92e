"""What the text of a model's query must not have, because every run would break on it; and the text that is sent.

A run appends ``LIMIT n OFFSET m`` to the text, to read it page by page. Of the texts that do not go with that, the
server refuses some when a model is written, and finds out about the others only when one runs.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

__all__ = [
    "NO_CURSOR",
    "ORDERED",
    "QUERY_RULES",
    "QueryRule",
    "is_ordered",
    "normalized_query",
    "query_faults",
    "takes_cursor",
]

_BLANKS: Final = " \t\n\v\f\r"
_BLANK: Final = r"[ \t\n\v\f\r]"


def _any_case(word: str) -> str:
    """A pattern that takes only letters of ASCII, unlike the flag for it."""
    return "".join(f"[{letter.upper()}{letter}]" for letter in word)


_LIMIT: Final = _any_case("limit")
_OFFSET: Final = _any_case("offset")
ORDERED: Final = rf"\b{_any_case('order')}{_BLANK}+{_any_case('by')}\b"
"""Matches somewhere in a query that orders some part of it."""
_PAGING: Final = (
    rf"{_LIMIT}{_BLANK}+[0-9]"
    rf"|(?m:\b(?:{_LIMIT}|{_OFFSET})\b(?:{_BLANK}*[0-9]+)?{_BLANK}*(?:;[ \t\v\f\r]*)?$)"
)
"""A limit as a run looks for it anywhere; or what the server looks for at the end of each line."""
_SENT: Final = r"^[\s\S]*[^; \t\n\v\f\r]"
"""All but the blanks and semicolons at the end."""
_IN_COMMENT: Final = r"(?:[^*]|\*+[^*/])*"
_LEXEME: Final = (
    r"'(?:[^'\\]|\\[\s\S])*'?"
    r'|"(?:[^"\\]|\\[\s\S])*"?'
    r"|`[^`]*`?"
    r"|--[^\n]*"
    rf"|/\*{_IN_COMMENT}(?:\*+/?)?"
    r"|;"
)
"""Texts, quoted names and comments, also without their ends, each as a whole; and semicolons beside them."""
_CLOSED: Final = r"/\*[\s\S]*\*/"
_ROW: Final = "(?:-?/)"
"""A step in a row of ``-`` and ``/`` that has no ``--``."""


def _code(without: str = "") -> str:
    """A pattern for the beginning of a text, up to a place that is in no text, quoted name or comment.

    It says the same as `_LEXEME`, but not by the order of its choices, which counts for nothing where only one match
    is asked for. As ``-`` and ``/`` may begin a comment, it has rows of them that do not, each with what may follow.

    Args:
        without: characters that are not in it at such places.
    """
    quoted = r"""'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"|`[^`]*`"""
    after_dash = rf"""(?:[^'"`/\-{without}]|{quoted})"""
    after_slash = rf"""(?:[^'"`/\-*{without}]|{quoted})"""
    comment = rf"{_ROW}*--[^\n]*\n|{_ROW}*-?/\*{_IN_COMMENT}\*+/"
    return rf"^(?:{after_dash}|{_ROW}*-{after_dash}|{_ROW}+{after_slash}|{comment})*"


_SEMICOLON: Final = f"{_code(';')}{_ROW}*-?;"
_HASH_LINE: Final = r"(?m:^)[ \t\v\f\r]*#(?:[^>\-\n][^\n]*)?"
"""A line that is a comment for BigQuery, ClickHouse and MariaDB, and begins with no operator of PostgreSQL."""
_OPEN_COMMENT: Final = rf"{_code()}(?:{_ROW}*(?:--[^\n]*|-?/\*{_IN_COMMENT}\**)|{_HASH_LINE})$"

_PAGING_PATTERN: Final = re.compile(_PAGING, re.ASCII)
_LEXEME_PATTERN: Final = re.compile(_LEXEME, re.ASCII)
_CLOSED_PATTERN: Final = re.compile(_CLOSED)
_LAST_HASH_LINE_PATTERN: Final = re.compile(rf"{_HASH_LINE}\Z")
_ORDERED_PATTERN: Final = re.compile(ORDERED, re.ASCII)


_CLAUSE_PATTERN: Final = re.compile(rf"{_LEXEME}|[()]|\b(?:from|join|where|on|by|having)\b", re.ASCII | re.IGNORECASE)
_AFTER_TABLES: Final = frozenset({"where", "on", "by", "having"})
"""Words that begin a part of a query after which no table can be named, unless another part follows."""
NO_CURSOR: Final = (
    "a run with spec.cursorField writes AS subquery WHERE behind the query, which must end in a table or in ')'; write "
    "it as SELECT * FROM (the query)"
)
"""What is said of a query that cannot be read by a cursor field; phrased to follow the path of a field and a colon."""


@dataclass(frozen=True, slots=True)
class QueryRule:
    """Something that a query must not have.

    Attributes:
        cel: true if the text ``self`` has none of it.
        words: what is wrong; phrased to follow the field's path in a sentence.
        remedy: how to fix it.
        find: where in a text that ends without blanks and semicolons it begins; None if it is not there.
    """

    cel: str
    words: str
    remedy: str
    find: Callable[[str], int | None]

    @property
    def message(self) -> str:
        """The message of the API server, which does not know the line."""
        return f"{self.words}; {self.remedy}"


def normalized_query(query: str) -> str:
    """The text that is sent: without the blanks around it, and without semicolons at its end."""
    return _without_end(query).lstrip(_BLANKS)


def query_faults(query: str) -> Iterator[str]:
    """For each rule that does not hold: what is wrong, the line in which it begins, and how to fix it.

    Each is phrased to follow the field's path in a sentence.
    """
    text = _without_end(query)
    for rule in QUERY_RULES:
        found = rule.find(text)
        if found is not None:
            yield f"{rule.words} (line {text.count('\n', 0, found) + 1}); {rule.remedy}"


def is_ordered(query: str) -> bool:
    """True if some part of a query is ordered."""
    return _ORDERED_PATTERN.search(query) is not None


def takes_cursor(query: str) -> bool:
    """False if a run with a cursor field certainly breaks on the SQL, because it ends in a condition or an order."""
    text, depth, last = _without_end(query), 0, ""
    for token in _CLAUSE_PATTERN.finditer(text):
        word = token.group().lower()
        if word in {"(", ")"}:
            depth += 1 if word == "(" else -1
        elif depth == 0 and word.isalpha():
            last = word
    return text.endswith(")") or last not in _AFTER_TABLES


def _without_end(query: str) -> str:
    return query.rstrip(f"{_BLANKS};")


def _empty(text: str) -> int | None:
    return None if text else 0


def _paging(text: str) -> int | None:
    found = _PAGING_PATTERN.search(text)
    return found.start() if found else None


def _second_statement(text: str) -> int | None:
    return next((token.start() for token in _LEXEME_PATTERN.finditer(text) if token.group() == ";"), None)


def _open_comment(text: str) -> int | None:
    last = None
    hash_line = _LAST_HASH_LINE_PATTERN.match(text, text.rfind("\n") + 1)
    hash_at = text.index("#", hash_line.start()) if hash_line else None
    for last in _LEXEME_PATTERN.finditer(text):
        if hash_at is not None and last.start() <= hash_at < last.end():
            hash_at = None  # it is in a text, a quoted name or another comment
    if last is None or last.end() < len(text):
        return hash_at
    words = last.group()
    is_open = words.startswith("--") or (words.startswith("/*") and not _CLOSED_PATTERN.fullmatch(words))
    return last.start() if is_open else hash_at


def _has_none(pattern: str) -> str:
    """CEL: a pattern matches nothing in the query without its end."""
    raw = f'r"""{pattern}"""'
    return f"!self.find(r'{_SENT}').matches({raw})"


QUERY_RULES: Final = (
    QueryRule(f"self.matches(r'{_SENT}')", "holds no query", "write one, such as SELECT id, email FROM t", _empty),
    QueryRule(
        _has_none(_PAGING),
        "has LIMIT or OFFSET, and a run that appends its own to read page by page would fail",
        "remove it, and leave rows out by WHERE; put a column of that name in quotes",
        _paging,
    ),
    QueryRule(
        _has_none(_SEMICOLON),
        "has ';' before its end, and a run reads one statement",
        "keep one statement",
        _second_statement,
    ),
    QueryRule(
        _has_none(_OPEN_COMMENT),
        "ends in a comment, in which LIMIT and OFFSET of a run would be lost, so that it would never end",
        "remove the comment, or move it up",
        _open_comment,
    ),
)
"""What the text of a query must not have."""
