import json
from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.util.redact import mask, redact, redact_each


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
        ("the cGxhbnRlZA== value", "the [redacted] value"),
        ("Authorization: Basic bWU6aHVudGVyMg==", "[redacted] [redacted]"),
        ("user basic authentication", "user basic [redacted]"),
        ("https://:hunter2@host/", "https://[redacted]@host/"),
        ("cut: eyJhbGciOiJIUzI1", "cut: [redacted]"),
        ("a -----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY----- b", "a [redacted] b"),
        ("a -----BEGIN PRIVATE KEY-----\nabc", "a [redacted]"),
        ("two\nlines\t\x07and bells", "two lines and bells"),
        ("tokenizer: fine", "tokenizer: fine"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, shown: str) -> None:
    assert redact(text, secrets=("planted", "")) == shown


def test_long_words_are_cut() -> None:
    assert redact("x" * 500) == "x" * 299 + "…"
    assert redact("y" * 20, limit=10) == "y" * 9 + "…"
    assert redact("a" + " " * 9000 + "b") == "a…"


@given(st.text(min_size=1, max_size=40))
def test_a_named_secret_is_masked_however_it_is_written(secret: str) -> None:
    encoded = b64encode(secret.encode()).decode()
    for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote_plus(secret), encoded):
        assert mask(f"⟦{form}⟧", secrets=(secret,)) == "⟦[redacted]⟧"


def test_what_is_left_of_a_long_secret_is_masked_too() -> None:
    secret = "planted-secret-0123456789"
    said = f"'{secret[:20]}…' is wrong, '…{secret[-13:]}' too, {secret[5:14]!r} as well; {secret[:7]} may be any word"
    shown = "'[redacted]…' is wrong, '…[redacted]' too, '[redacted]' as well; planted may be any word"
    assert mask(said, secrets=(secret,)) == shown
    assert mask(secret[:15], secrets=(secret[:15],)) == "[redacted]"


@given(st.text(min_size=8, max_size=200), st.data())
def test_any_piece_of_a_secret_is_masked(secret: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(secret) - 8))
    end = data.draw(st.integers(begin + 8, len(secret)))
    assert mask(f"⟦{secret[begin:end]}⟧", secrets=(secret,)) == "⟦[redacted]⟧"


def test_the_end_of_a_value_that_a_database_quotes_is_masked() -> None:
    value = "L" * 40 + "SuperSecretValue-9f31c0d2"
    said = f'CONTEXT: JSON data, line 1: ...{value[-35:]}","b":"x'
    assert redact(said, secrets=(value,)) == 'CONTEXT: JSON data, line 1: ...[redacted]","b":"x'


def test_a_very_long_value_is_known_by_its_pieces_too() -> None:
    value = "".join(f"{number:x}." for number in range(40_000))
    assert redact(f"({value[1000:1100]})", secrets=(value,)).count("[redacted]") == 1
    assert len(redact(f"({value[1000:1100]})", secrets=(value,))) < 30


def test_several_texts_go_through_the_secrets_once() -> None:
    assert redact_each(("planted", "all", "a planted b"), secrets=("planted",)) == [
        "[redacted]",
        "all",
        "a [redacted] b",
    ]
    assert redact_each(()) == []


@given(st.text(alphabet=st.characters(), max_size=600))
def test_a_line_holds_only_what_prints(text: str) -> None:
    line = redact(text)
    assert line.isprintable()
    assert len(line) <= 300
