import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.syncapi.auth.login import RejectedCredentials, Token, token_subject, token_ttl

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


def jwt(claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("token", "life"),
    [
        (jwt({"iat": 5_000, "exp": 5_000 + 86_400}), timedelta(days=1)),
        (jwt({"exp": NOW.timestamp() + 600}), timedelta(minutes=10)),
        (jwt({"iat": NOW.timestamp(), "exp": NOW.timestamp() - 1}), HALF_AN_HOUR),
        (jwt({"iat": 0, "exp": 1e300}), HALF_AN_HOUR),
        (jwt({"iat": "0", "exp": 4000}), HALF_AN_HOUR),
        (jwt({"iat": 0, "exp": None}), HALF_AN_HOUR),
        (jwt({"sub": "1"}), HALF_AN_HOUR),
        (jwt([1]), HALF_AN_HOUR),
        ("opaque", HALF_AN_HOUR),
        ("a.b.c", HALF_AN_HOUR),
        ("a.ü.c", HALF_AN_HOUR),
    ],
)
def test_a_token_says_itself_how_long_it_lives(token: str, life: timedelta) -> None:
    assert token_ttl(token, NOW) == life


@given(st.text())
def test_no_token_is_too_strange(text: str) -> None:
    assert timedelta(minutes=1) <= token_ttl(f"x.{text}.y", NOW) <= timedelta(days=30)


def test_a_token_is_replaced_at_two_thirds_of_its_life() -> None:
    token = Token("t", NOW)
    assert token.refresh_at == NOW + timedelta(minutes=20)
    assert token.expires_at == NOW + timedelta(minutes=30)


def test_a_refused_password_is_tried_again_only_after_somebody_touched_its_secret() -> None:
    refusals = RejectedCredentials()
    assert not refusals.should_skip("wrong", "a", "1")
    refusals.add("wrong", "a", "1")
    assert refusals.should_skip("wrong", "a", "1")
    assert refusals.should_skip("wrong", "b", "7")  # another Workspace with the same password is not tried either
    assert not refusals.should_skip("right", "a", "2")
    assert not refusals.should_skip("wrong", "b", "8")
    refusals.add("wrong", "b", "8")
    assert refusals.should_skip("wrong", "b", "8")
    assert refusals.should_skip("wrong", "a", "1")
    refusals.clear("wrong")
    assert not refusals.should_skip("wrong", "a", "1")


@pytest.mark.parametrize(
    ("token", "subject"),
    [
        (jwt({"sub": "17"}), "17"),
        (jwt({"sub": 17}), "17"),
        (jwt({"sub": True}), ""),
        (jwt({"sub": ["17"]}), ""),
        (jwt({"sub": "a\nb"}), ""),
        (jwt({"sub": "x" * 100_000}), "x" * 64),
        (jwt({}), ""),
        ("opaque", ""),
    ],
)
def test_the_subject_of_a_token_is_short_and_printable(token: str, subject: str) -> None:
    assert token_subject(token) == subject
