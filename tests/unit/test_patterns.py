"""Every regular expression of the package takes time in proportion to its input: one that does not stops everybody."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from time import process_time
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sync_operator

SIZES = (256, 4 * 1024)
"""The first one shows what is worse than quadratic before it takes for ever."""
OBVIOUS = 0.02
"""Seconds of CPU: twenty times what a linear search takes, and less than a quadratic one."""
QUADRATIC = re.compile(r"(?i)(?<![a-z])secret\w*\s*[:=]\S+")
"""A pattern that was in use once: it is what this test has to find."""


class Used(NamedTuple):
    pattern: re.Pattern[Any]
    anchored: bool
    """True where it is only ever tried at the beginning of a text."""


def patterns() -> dict[str, Used]:
    found: dict[str, Used] = {}
    for info in pkgutil.walk_packages(sync_operator.__path__, "sync_operator."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            uses = set(re.findall(rf"\b{name}\.(\w+)\(", inspect.getsource(module)))
            for number, pattern in enumerate(patterns_in(value)):
                found[f"{info.name}.{name}[{number}]"] = Used(pattern, bool(uses) and uses <= {"match", "fullmatch"})
    return found


def patterns_in(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from patterns_in(item)
    elif isinstance(value, (tuple, list, frozenset)):
        for item in value:
            yield from patterns_in(item)


def seconds(used: Used, text: Any) -> float:
    times: list[float] = []
    while len(times) < 5 and min(times, default=1.0) > OBVIOUS and sum(times) < 0.5:
        begun = process_time()
        if used.anchored:
            used.pattern.fullmatch(text)
            used.pattern.match(text)
        else:
            for _ in used.pattern.finditer(text):
                pass
        times.append(process_time() - begun)
    return min(times)


def is_slow(used: Used, piece: Any) -> bool:
    """True when twice as much of the same takes more than three times as long, and that is no noise."""
    for size in SIZES:
        count = size // len(piece) + 1
        for end in (piece[:0], b"\x00" if isinstance(piece, bytes) else "\x00"):
            twice = seconds(used, piece * (2 * count) + end)
            if twice > OBVIOUS and twice > 3 * seconds(used, piece * count + end):
                return True
    return False


ALL = patterns()
FIXED = (
    *"aA0 _-\"'=:;,.@/([{\\\n",
    "secret1",
    "secret_",
    'token="',
    "token='",
    "://a:",
    "eyJ-",
    "-----BEGIN A",
    "a@a.",
)


@pytest.mark.parametrize("name", ALL)
def test_a_pattern_is_linear_on_what_almost_matches(name: str) -> None:
    used = ALL[name]
    pieces = [piece.encode() for piece in FIXED] if isinstance(used.pattern.pattern, bytes) else FIXED
    for piece in pieces:
        assert not is_slow(used, piece), piece

    if any(char > "\uffff" for char in str(used.pattern.pattern)):
        return  # hypothesis takes minutes for so many characters

    @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(used.pattern), st.data())
    def repeated(match: Any, data: st.DataObject) -> None:
        begin = data.draw(st.integers(0, max(0, len(match) - 1)))
        end = data.draw(st.integers(min(len(match), begin + 1), len(match)))
        if match[begin:end]:
            assert not is_slow(used, match[begin:end])

    repeated()


def test_a_quadratic_pattern_is_found() -> None:
    assert is_slow(Used(QUADRATIC, anchored=False), "secret1")


def test_patterns_are_found() -> None:
    assert len(ALL) > 20
    assert any(name.startswith("sync_operator.util.redact._SECRET_SHAPES") for name in ALL)
