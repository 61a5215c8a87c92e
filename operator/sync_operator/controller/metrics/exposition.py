"""Writes Prometheus's text format directly, for the many series of Syncs.

The client library allocates several objects per sample. With twenty series for each of ten thousand Syncs that takes
seconds, and the garbage collector blocks the event loop meanwhile.
"""

from collections.abc import Iterable
from typing import Final, Literal, Self

__all__ = ["Family"]

_ESCAPED: Final = (("\\", r"\\"), ("\n", r"\n"), ('"', r"\""))


class Family:
    """A metric family: all series of one metric.

    Args:
        name: name of the metric.
        help_text: its help text, in one line.
        labels: names of its labels.
        metric_type: its type.
    """

    def __init__(
        self,
        name: str,
        help_text: str,
        labels: Iterable[str] = (),
        *,
        metric_type: Literal["gauge", "counter"] = "gauge",
    ) -> None:
        self.name = name
        self.help_text = help_text
        self.labels = tuple(labels)
        self.metric_type = metric_type
        self._lines = [f"# HELP {name} {help_text}\n# TYPE {name} {metric_type}\n"]
        label_forms = ",".join(f'{label}="%s"' for label in self.labels)
        self._template = f"{name}{{{label_forms}}} %r\n" if label_forms else f"{name} %r\n"

    @classmethod
    def single(cls, name: str, help_text: str, value: float) -> Self:
        """A gauge without labels."""
        family = cls(name, help_text)
        family.add((), value)
        return family

    def add(self, labels: Iterable[str], value: float) -> None:
        """Add a series.

        Args:
            labels: values of the labels, in the order of the label names.
            value: the sample.
        """
        self._lines.append(self._template % (*map(_escaped, labels), float(value)))

    def text(self) -> bytes:
        """The family in Prometheus's text format."""
        return "".join(self._lines).encode()


def _escaped(value: str) -> str:
    if "\\" not in value and '"' not in value and "\n" not in value:
        return value
    for character, escaped in _ESCAPED:
        value = value.replace(character, escaped)
    return value
