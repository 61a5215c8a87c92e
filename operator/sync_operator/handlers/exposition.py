"""Prometheus's text format, written straight from what is known: for the series of Syncs, of which there are many.

The client library makes several objects of every sample. For the twenty series of each of ten thousand Syncs that takes
seconds, in which the garbage collector now and then holds the event loop.
"""

from collections.abc import Iterable
from typing import Final, Literal, Self

__all__ = ["Family"]

_ESCAPED: Final = (("\\", r"\\"), ("\n", r"\n"), ('"', r"\""))


class Family:
    """All series of one metric.

    Args:
        name: of the metric.
        words: what it tells, in one line.
        labels: names of its labels.
        kind: of the metric.
    """

    def __init__(
        self, name: str, words: str, labels: Iterable[str] = (), *, kind: Literal["gauge", "counter"] = "gauge"
    ) -> None:
        self._lines = [f"# HELP {name} {words}\n# TYPE {name} {kind}\n"]
        named = ",".join(f'{label}="%s"' for label in labels)
        self._form = f"{name}{{{named}}} %r\n" if named else f"{name} %r\n"

    @classmethod
    def single(cls, name: str, words: str, value: float) -> Self:
        """A gauge without labels."""
        family = cls(name, words)
        family.add((), value)
        return family

    def add(self, labels: Iterable[str], value: float) -> None:
        """Add the series that has these values of its labels, in the order of their names."""
        self._lines.append(self._form % (*map(_escaped, labels), float(value)))

    def text(self) -> bytes:
        """The family as a scraper reads it."""
        return "".join(self._lines).encode()


def _escaped(value: str) -> str:
    if "\\" not in value and '"' not in value and "\n" not in value:
        return value
    for character, escaped in _ESCAPED:
        value = value.replace(character, escaped)
    return value
