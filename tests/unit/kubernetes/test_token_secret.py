import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync_operator.errors import ConflictError
from sync_operator.kubernetes.token_secret import TokenSecret, token_secret_name

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORKSPACE = {"metadata": {"name": "default", "namespace": "team", "uid": "w-1"}}
SESSION = "ops@example.com https://api.example.com"


def secret(value: str = "t0ken", *, uid: str = "w-1", **annotations: str) -> dict[str, Any]:
    metadata = {"name": "default-token", "namespace": "team", "ownerReferences": [{"uid": uid}]}
    named = {f"squared.ai/{name.replace('_', '-')}": text for name, text in annotations.items()}
    return {"metadata": metadata | {"annotations": named}, "data": {"token": base64.b64encode(value.encode()).decode()}}


def test_a_token_is_taken_from_the_session_it_was_made_in() -> None:
    held = secret(session_of=SESSION, logged_in_at="2026-03-01T11:50:00+00:00")
    token = TokenSecret(WORKSPACE, held).token(SESSION, NOW)
    assert token is not None
    assert (token.value, token.issued_at, token.ttl) == ("t0ken", NOW - timedelta(minutes=10), timedelta(minutes=30))
    assert TokenSecret(WORKSPACE, held).token("other@example.com https://api.example.com", NOW) is None


@pytest.mark.parametrize("since", ["", "yesterday", "2026-03-01T11:50:00", "2099-01-01T00:00:00+00:00"])
def test_a_spoiled_time_of_login_is_taken_for_now(since: str) -> None:
    token = TokenSecret(WORKSPACE, secret(session_of=SESSION, logged_in_at=since)).token(SESSION, NOW)
    assert token is not None
    assert token.issued_at == NOW


@pytest.mark.parametrize(
    "found",
    [
        None,
        secret("", session_of=SESSION),
        secret("tökén", session_of=SESSION),
        secret() | {"data": None},
        secret(session_of=SESSION) | {"data": {"token": "%"}},
    ],
)
def test_what_holds_no_token_gives_none(found: dict[str, Any] | None) -> None:
    assert TokenSecret(WORKSPACE, found).token(SESSION, NOW) is None


def test_a_secret_of_somebody_else_is_a_conflict() -> None:
    for foreign in (secret(uid="another"), {"metadata": {"name": "default-token", "namespace": "team"}}):
        with pytest.raises(ConflictError, match="'default-token' that does not belong to this Workspace"):
            TokenSecret(WORKSPACE, foreign)


def test_a_refused_login_is_remembered_by_its_version() -> None:
    assert TokenSecret(WORKSPACE, secret(login_refused="u/7")).refused_version == "u/7"
    assert TokenSecret(WORKSPACE, None).refused_version == ""


def test_the_name_fits_whatever_the_workspace_is_called() -> None:
    assert token_secret_name("default") == "default-token"
    assert len(token_secret_name("x" * 253)) == 253
    assert token_secret_name("x" * 253) != token_secret_name("x" * 252)
