"""What a server masks, reorders or drops is no drift; everything else is, and its secrets are never shown."""

from copy import deepcopy
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from sync_operator.api.validation.content_faults import MASK
from sync_operator.domain.connector.connector_kind import CONNECTOR
from sync_operator.domain.connector.secrets_digest import secrets_digest

RULES = CONNECTOR.rules(cast("Any", None))
KEYS = st.sampled_from(["host", "port", "password", "token", "nested", "headers"])
TEXTS = st.text(max_size=5).filter(lambda text: text != MASK)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
CONFIGURATIONS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


def masked(value: Any, secret: frozenset[str]) -> Any:
    """As servers show it: by the bare names of secret keys, at any depth; Rails drops nulls from lists."""
    if isinstance(value, dict):
        shown = {key: MASK if key in secret else masked(item, secret) for key, item in value.items()}
        return dict(reversed(shown.items()))
    if isinstance(value, list):
        return [masked(item, secret) for item in value if item is not None]
    return value


@given(CONFIGURATIONS, st.frozensets(KEYS, max_size=3))
def test_what_a_server_masks_is_no_drift(configuration: dict[str, Any], secret: frozenset[str]) -> None:
    written = {key: {} if item is None else item for key, item in configuration.items()}
    shown = masked(deepcopy(written), secret - {key for key, item in written.items() if item is None})

    body = {"configuration": written}
    found = RULES.differing(body, {"configuration": shown})
    hidden_nulls = _has_null_at(written, secret)
    assert found == () or hidden_nulls


def _has_null_at(value: Any, secret: frozenset[str]) -> bool:
    """True if a secret key holds null: the server masks it, and whether it was written cannot be known."""
    if isinstance(value, dict):
        return any((item is None and key in secret) or _has_null_at(item, secret) for key, item in value.items())
    return isinstance(value, list) and any(_has_null_at(item, secret) for item in value)


@given(CONFIGURATIONS, TEXTS, TEXTS)
def test_what_is_shown_and_differs_is_drift(configuration: dict[str, Any], one: str, other: str) -> None:
    body = {"configuration": {**configuration, "host": one}}
    shown = {"configuration": {**configuration, "host": other}}

    assert (RULES.differing(body, shown) == ("configuration",)) is (one != other)


def test_a_secret_that_was_added_there_is_drift() -> None:
    body, shown = {"configuration": {"host": "a"}}, {"configuration": {"host": "a", "password": MASK}}

    assert RULES.differing(body, shown) == ("configuration",)
    assert RULES.drift_lines(body, shown, ["configuration"]) == ("configuration/password: (none) → (hidden)",)


def test_lines_of_drift_leave_out_what_is_masked() -> None:
    body = {"configuration": {"host": "a", "credentials": [{"password": "planted"}]}}
    shown = {"configuration": {"host": "b", "credentials": [{"password": MASK}]}}

    assert RULES.drift_lines(body, shown, ["configuration"]) == ("configuration/host: a → b",)


@given(st.dictionaries(TEXTS, TEXTS, max_size=3), st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_a_digest_tells_whether_values_have_changed(one: dict[str, str], other: dict[str, str]) -> None:
    assert (secrets_digest(one, "uid") == secrets_digest(other, "uid")) is (one == other)
    assert secrets_digest(one, "uid") == secrets_digest(dict(reversed(one.items())), "uid")
    assert secrets_digest(one, "uid") != secrets_digest(one, "other")
