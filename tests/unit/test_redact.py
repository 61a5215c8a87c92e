import pytest

from sync_operator.redact import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("all is well", "all is well"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl ended", "token [redacted] ended"),
        ("Authorization: Bearer abc.def", "[redacted] [redacted]"),
        ("bearer abc123 is dead", "bearer [redacted] is dead"),
        ('{"api_key": "sk-1 2", "to": "x"}', '{"[redacted], "to": "x"}'),
        ("password=hunter2&user=me", "[redacted]"),
        ("client_secret => 'x y'", "client_[redacted]"),
        ("postgres://me:hunter2@db/x", "postgres://[redacted]@db/x"),
        ("the planted value", "the [redacted] value"),
        ("two\nlines\t\x07and bells", "two lines and bells"),
        ("tokenizer: fine", "tokenizer: fine"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, shown: str) -> None:
    assert redact(text, secrets=("planted", "")) == shown


def test_long_words_are_cut() -> None:
    assert redact("x" * 500) == "x" * 299 + "…"
    assert redact("y" * 20, limit=10) == "y" * 9 + "…"
