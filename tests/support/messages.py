"""The golden file of messages: what users read, each text whole, in one place.

Tests of logic assert reasons, statuses and fields, and hand the text to the fixture `messages`, which compares it with
the entry of this test in `tests/unit/messages.txt`. A change of words is then a change of that file, and its diff is
what a reviewer reads. `make messages` writes it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

__all__ = ["GOLDEN", "Messages", "Said", "entries", "page"]

GOLDEN: Final = Path(__file__).resolve().parent.parent / "unit" / "messages.txt"
_HEADER: Final = """\
# The messages that unit tests make, by reason: below each text the tests that make it, and as which of their messages.
# Written by `make messages`: do not edit. Read the diff: a message says what is wrong, where, and what to do next.
"""
_REASON: Final = "## "
_TEST: Final = "  | "

type Entry = tuple[str, str]
"""Reason and text."""


class Said(Protocol):
    """A condition, a blocker, an event or a verdict."""

    @property
    def reason(self) -> str: ...
    @property
    def message(self) -> str: ...


class Messages:
    """Compares what one test says with its entries in the golden file, in the order of the calls.

    Args:
        recorded: the entries of this test.
        writes: True where the file is to be written: then nothing is compared.
    """

    def __init__(self, recorded: Iterable[Entry], *, writes: bool = False) -> None:
        self.said: list[Entry] = []
        self._recorded = list(recorded)
        self._writes = writes

    def __call__(self, *said: Said | None) -> None:
        """Assert that each of them has the reason and the text of the next entry."""
        for each in said:
            assert each is not None, "nothing was said"
            self.text(each.reason, each.message)

    def text(self, reason: str, text: str | None) -> None:
        """Assert that a text is that of the next entry; for what is not an object with a reason."""
        assert text, f"an empty message for {reason}"
        assert text.splitlines() == [text.strip()], f"a message is one line: {text!r}"
        self.said.append((str(reason), text))
        if self._writes:
            return
        number = len(self.said)
        recorded = self._recorded[number - 1] if number <= len(self._recorded) else None
        assert recorded == self.said[-1], (
            f"message {number} of this test is not that of {GOLDEN.name}; if it is meant, run `make messages`"
        )

    def close(self) -> None:
        """Assert that no entry is left over."""
        left = [] if self._writes else self._recorded[len(self.said) :]
        assert not left, f"{GOLDEN.name} has more messages for this test: run `make messages`"


def page(said: Mapping[str, Iterable[Entry]]) -> str:
    """The golden file.

    Args:
        said: by test, its messages in order.
    """
    tests: dict[Entry, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for test in sorted(said):
        for number, entry in enumerate(said[test], start=1):
            tests[entry][test].append(number)
    lines, reason = [_HEADER], None
    for entry in sorted(tests):
        if entry[0] != reason:
            reason = entry[0]
            lines.append(f"\n{_REASON}{reason}\n")
        lines.append(f"{entry[1]}\n")
        lines.extend(f"{_TEST}{test} {','.join(map(str, numbers))}\n" for test, numbers in tests[entry].items())
    return "".join(lines)


def entries(text: str) -> dict[str, list[Entry]]:
    """The messages of each test, in order: what `page` was made of.

    Args:
        text: content of the golden file.
    """
    found: dict[str, dict[int, Entry]] = defaultdict(dict)
    reason = words = ""
    for line in text.removeprefix(_HEADER).splitlines():
        if line.startswith(_TEST):
            test, _, numbers = line.removeprefix(_TEST).rpartition(" ")
            found[test] |= {int(number): (reason, words) for number in numbers.split(",")}
        elif line.startswith(_REASON):
            reason = line.removeprefix(_REASON)
        else:
            words = line
    return {test: [by_number[number] for number in sorted(by_number)] for test, by_number in found.items()}
