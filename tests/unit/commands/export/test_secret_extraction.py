import json
from typing import Any

import pytest

from sync_operator.commands.export.secret_extraction import extract_secrets

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("configuration", "pointers"),
    [
        ([{"to": "b", "embedding_config": {"mode": "x", "api_key": "word"}}], ["/0/embedding_config/api_key"]),
        ([{}, {"mapping_type": "static", "from": "hunter", "to": "password"}], ["/1/from"]),
        ([{"mapping_type": "template", "from": f"Bearer {JWT}", "to": "b"}], ["/0/from"]),
        ({"a": JWT}, ["/a"]),
        ({"url": "https://me:pass@example.com"}, ["/url"]),
        ({"api_key": "sk1234"}, ["/api_key"]),
        ({"password": "hunter"}, ["/password"]),
        ({"auth": {"clientSecret": "word", "scopes": ["a"]}}, ["/auth/clientSecret"]),
        ({"a": {"tokens": ["word", "other"]}}, ["/a/tokens/0", "/a/tokens/1"]),
        ({"a/b": {"access key": "word"}}, ["/a~1b/access key"]),
    ],
)
def test_secrets_are_found_and_taken_out(configuration: Any, pointers: list[str]) -> None:
    hidden = extract_secrets(configuration, "x-configuration")

    assert list(hidden.keys.values()) == pointers
    shown = json.dumps(hidden.configuration)
    assert shown.count("(in Secret x-configuration)") == len(pointers)
    assert not any(secret in shown for secret in ('"word"', "hunter", "pass@", "sk1234", JWT))


@pytest.mark.parametrize(
    "configuration",
    [
        {"email": "mail", "api_token": "token", "password_changed_at": "password changed at", "key": "primary_key"},
        [{"from": "token_id", "to": "api_key", "mapping_type": "standard"}],
        [{"from": "VIP", "to": "tier", "mapping_type": "static"}],
        {"a": {"token": None, "password": "", "secret": 7, "keyboard": "qwerty"}},
        [],
        {},
        None,
    ],
)
def test_what_is_no_secret_stays(configuration: Any) -> None:
    assert extract_secrets(configuration, "x").configuration == configuration
    assert extract_secrets(configuration, "x").keys == {}


def test_keys_of_a_secret_are_distinct_and_fit() -> None:
    hidden = extract_secrets(
        {"a b": {"token": "v"}, "a-b": {"token": "v"}, "ü": {"token": "v"}, "x" * 300: {"token": "v"}}, "x"
    )

    assert len(hidden.keys) == 4
    assert all(len(key) <= 253 and key.isascii() and " " not in key for key in hidden.keys)
