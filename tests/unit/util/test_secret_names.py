"""One list of words serves messages, plan and export."""

import pytest

from sync_operator.commands.export.secret_extraction import extract_secrets
from sync_operator.util.redact import redact
from sync_operator.util.secret_names import is_secret_name, may_be_secret_name

SECRET = (
    "api_key",
    "apiKey",
    "X-API-Key",
    "access-key",
    "private key",
    "client_secret",
    "authToken",
    "PASSWORD",
    "db_passwd",
    "Passwort",
    "userPassw",
    "passphrase",
    "passcode",
    "pwd",
    "credentials",
    "Authorization",
)


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_is_hidden_wherever_it_could_be_shown(name: str) -> None:
    assert is_secret_name(name)
    assert may_be_secret_name(name)
    assert "hunter2" not in redact(f"refused: {name}: hunter2")
    assert extract_secrets({"settings": {name: "hunter2"}}, "s").keys.values()


@pytest.mark.parametrize("name", ["email", "primary", "tok", "compass", "pass_rate", "first_name"])
def test_other_names_are_left_alone(name: str) -> None:
    assert not may_be_secret_name(name)
    assert "plain" in redact(f"refused: {name}: plain")


def test_what_is_only_called_key_is_hidden_but_not_moved() -> None:
    assert may_be_secret_name("license_key")
    assert not is_secret_name("license_key")
