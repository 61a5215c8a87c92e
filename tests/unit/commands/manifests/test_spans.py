import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.commands.manifests.spans import Lines, lines_of

PIECES = st.sampled_from(["a", "é", "\n", "\r", "\r\n", "\x85", "\u2028"])


@given(st.lists(PIECES, max_size=12).map("".join), st.integers(1, 2000))
def test_lines_are_found_by_their_numbers(piece: str, times: int) -> None:
    text = piece * times
    expected = lines_of(text)
    lines = Lines(text)

    for number in {0, 1, 2, len(expected) // 3, len(expected) // 2, len(expected) - 1}:
        assert lines.line(number) == (expected[number] if number < len(expected) else None)
    assert lines.line(len(expected)) is None


@pytest.mark.parametrize("before", range(4090, 4100))
def test_a_line_break_of_two_characters_is_one_wherever_it_is(before: int) -> None:
    lines = Lines(f"{'x' * before}\r\nsecond\r\nthird")

    assert [lines.line(number) for number in range(1, 4)] == ["second", "third", None]
