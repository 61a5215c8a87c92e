"""The table of contract section 9, from what was seen to what is done, and the shapes of section 2."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.status.error_classification import SLOW_RETRY, classify_error
from sync_operator.errors import (
    FailedPreconditionError,
    ForbiddenError,
    NameTakenError,
    NotFoundError,
    PreconditionFailure,
    RejectedError,
    ServerFaultError,
    SyncOperatorError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
    UnknownWorkspaceError,
    UnsupportedEndpointError,
)
from sync_operator.syncapi.http.responses import (
    Quoting,
    Response,
    error_from_response,
    is_conclusive,
    parse_body,
    retry_after,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
E1 = {"errors": {"sync": {"model_id": ["is missing"]}}}


def e2(detail: str) -> dict[str, Any]:
    return {"errors": [{"status": 400, "title": "Bad Request", "detail": detail, "source": {"pointer": "/request"}}]}


def e3(detail: str, **source: str) -> dict[str, Any]:
    return {"errors": [{"status": 422, "title": "Error", "detail": detail, "source": source}]}


def e4(words: str) -> dict[str, Any]:
    return {"error": words}


SPEC = (True, None, False)  # stalls until the spec changes
SLOW = (False, SLOW_RETRY, False)
BACKOFF = (False, None, False)
WAITS = (False, None, True)  # for the Workspace to change

TABLE: list[tuple[int, Any, type[SyncOperatorError], Reason, tuple[bool, float | None, bool]]] = [
    (401, e3("Unauthorized"), UnauthorizedError, Reason.UNAUTHORIZED, WAITS),
    (401, e4("Unauthorized"), UnauthorizedError, Reason.UNAUTHORIZED, WAITS),
    (401, None, UnauthorizedError, Reason.UNAUTHORIZED, WAITS),
    (400, E1, RejectedError, Reason.REJECTED, SPEC),
    (400, {"errors": {"id": ["must be an integer"]}}, RejectedError, Reason.REJECTED, SPEC),
    (422, e3("Sync creation failed", stream_name="Add a valid stream_name"), RejectedError, Reason.REJECTED, SPEC),
    (422, e4("param is missing or the value is empty: sync"), RejectedError, Reason.REJECTED, SPEC),
    (422, None, RejectedError, Reason.REJECTED, SPEC),
    (422, e3("Sync creation failed", catalog="Catalog is missing"), RejectedError, Reason.CATALOG_MISSING, SLOW),
    (422, e3("Sync creation failed", source="must exist"), RejectedError, Reason.CATALOG_MISSING, SLOW),
    (400, e2("There was a problem: Workspace not found"), UnknownWorkspaceError, Reason.WORKSPACE_NOT_READY, WAITS),
    (400, e2("'Manual' is not a valid schedule_type"), RejectedError, Reason.REJECTED, SPEC),
    (400, e2("Event 'enable' cannot transition from 'healthy'."), FailedPreconditionError, Reason.REJECTED, SLOW),
    (400, e2("could not obtain a connection from the pool"), ServerFaultError, Reason.SERVER_UNAVAILABLE, BACKOFF),
    (400, None, ServerFaultError, Reason.SERVER_UNAVAILABLE, BACKOFF),
    (400, [], ServerFaultError, Reason.SERVER_UNAVAILABLE, BACKOFF),
    (403, e3("You are not authorized to do this action"), ForbiddenError, Reason.FORBIDDEN, SLOW),
    (403, None, ForbiddenError, Reason.FORBIDDEN, SLOW),
    (404, e4("Couldn't find Sync with 'id'=9"), NotFoundError, Reason.EXTERNAL_NOT_FOUND, SPEC),
    (404, e3("Sync not found"), NotFoundError, Reason.EXTERNAL_NOT_FOUND, SPEC),
    (404, {"message": "Sync not found", "status": "not_found"}, NotFoundError, Reason.EXTERNAL_NOT_FOUND, SPEC),
    (404, None, UnsupportedEndpointError, Reason.SERVER_UNAVAILABLE, BACKOFF),
    (405, None, UnsupportedEndpointError, Reason.SERVER_UNAVAILABLE, BACKOFF),
    (424, e3("Sync cannot be scheduled due to active sync run"), FailedPreconditionError, Reason.REJECTED, SLOW),
    (424, e3("Sync is disabled"), FailedPreconditionError, Reason.REJECTED, SLOW),
    (424, None, FailedPreconditionError, Reason.REJECTED, SLOW),
    (418, {"odd": 1}, RejectedError, Reason.REJECTED, SPEC),
    (408, None, TransientError, Reason.SERVER_UNAVAILABLE, BACKOFF),
    (425, None, TransientError, Reason.SERVER_UNAVAILABLE, BACKOFF),
    (302, None, TransientError, Reason.SERVER_UNAVAILABLE, BACKOFF),
    (500, None, ServerFaultError, Reason.SERVER_UNAVAILABLE, BACKOFF),
    (502, None, TransientError, Reason.SERVER_UNAVAILABLE, BACKOFF),
    (503, e4("down"), TransientError, Reason.SERVER_UNAVAILABLE, BACKOFF),
    (429, None, ThrottledError, Reason.THROTTLED, BACKOFF),
    (429, e4("Throttle limit reached"), ThrottledError, Reason.THROTTLED, BACKOFF),
]


@pytest.mark.parametrize(("status", "body", "kind", "reason", "then"), TABLE)
def test_what_was_seen_decides_what_is_done(
    status: int,
    body: Any,
    kind: type[SyncOperatorError],
    reason: Reason,
    then: tuple[bool, float | None, bool],
) -> None:
    error = error_from_response(Response(status, {}, body), "PUT /syncs/9", now=NOW)
    assert type(error) is kind
    assert str(error).startswith(f"PUT /syncs/9 was answered with {status}")
    blocker = classify_error(error)
    assert blocker.reason is reason
    assert (blocker.stalled, blocker.retry_after, blocker.resolved_by_watch) == then
    assert blocker.message.startswith(str(error))


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("Sync cannot be scheduled due to active sync run", PreconditionFailure.RUN_ACTIVE),
        ("Sync cannot be cancelled due to no active sync run", PreconditionFailure.NO_RUN_ACTIVE),
        ("Sync is disabled", PreconditionFailure.DISABLED),
        ("Sync Schedule type should be manual", PreconditionFailure.NOT_MANUAL),
        ("something new", PreconditionFailure.OTHER),
    ],
)
def test_the_states_of_424_differ_in_their_words_only(words: str, state: PreconditionFailure) -> None:
    error = error_from_response(Response(424, {}, e3(words)), "POST /schedule_syncs", now=NOW)
    assert isinstance(error, FailedPreconditionError)
    assert error.state is state


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("20", 20.0),
        ("999999999", 86_400.0),
        ("9999999999", None),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 12:00:30", 30.0),
        ("-5", None),
        ("soon", None),
        ("٣", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    answer = Response(429, {"retry-after": header}, None)
    assert retry_after(answer, NOW) == seconds
    error = error_from_response(answer, "GET /syncs", now=NOW)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "body", "usable"),
    [
        (200, {}, True),
        (200, None, False),
        (204, None, True),
        (302, {}, False),
        (400, None, True),
        (401, {}, True),
        (404, None, True),
        (500, {}, False),
        (503, None, False),
    ],
)
def test_a_server_that_refuses_is_a_server_that_works(status: int, body: Any, usable: bool) -> None:
    assert is_conclusive(Response(status, {}, body)) is usable


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["errors", "error", "message", "source", "detail", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(status=st.integers(300, 599), body=JSON)
def test_no_answer_is_too_strange(status: int, body: Any) -> None:
    error = error_from_response(Response(status, {}, parse_body(json.dumps(body).encode())), "GET /x", now=NOW)
    assert "\n" not in str(error)
    assert classify_error(error).message


@given(st.binary(max_size=40))
def test_no_body_is_too_strange(content: bytes) -> None:
    parse_body(content)
    assert parse_body(b"[" * 100_000) is None


@pytest.mark.parametrize("field", ["source", "destination", "model"])
def test_an_id_that_names_nothing_is_told_by_the_field_of_the_manifest(field: str) -> None:
    body = e3("Sync creation failed", **{field: "must exist"})

    error = error_from_response(Response(422, {}, body), "POST /syncs", now=NOW)

    assert str(error).endswith(f"spec.{field}Id must exist")


def test_the_catalog_is_told_as_no_field() -> None:
    body = e3("Sync creation failed", catalog="Catalog is missing")

    error = error_from_response(Response(422, {}, body), "POST /syncs", now=NOW)

    assert str(error).endswith("Sync creation failed: Catalog is missing")


SAID: list[tuple[int, Any, str]] = [
    (422, e3("Sync creation failed", source="must exist"), "Sync creation failed: spec.sourceId must exist"),
    (422, e3("Sync update failed", destination="must exist"), "Sync update failed: spec.destinationId must exist"),
    (422, e3("Sync creation failed", source_id="can't be blank"), "spec.sourceId can't be blank"),
    (422, e3("Sync creation failed", sync_interval_unit="can't be blank"), "spec.syncIntervalUnit can't be blank"),
    (422, e3("Sync creation failed", catalog="Catalog is missing"), ": Catalog is missing"),
    (422, e3("Sync creation failed", base="is at odds"), ": is at odds"),
    (422, e3("Sync creation failed", workspace="must exist"), ": workspace must exist"),
    (422, e4("param is missing or the value is empty: sync"), "422: param is missing or the value is empty: sync"),
    (422, {"errors": ["Stream name is wrong"]}, "422: Stream name is wrong"),
    (422, {"errors": ["Stream name is wrong", "Model is gone"]}, "422: Stream name is wrong; Model is gone"),
    (422, {"errors": "Stream name is wrong"}, "422: Stream name is wrong"),
    (422, {"error": {"message": "Stream name is wrong"}}, "422: Stream name is wrong"),
    (422, {"error": {"code": 7, "detail": "Stream name is wrong"}}, "422: Stream name is wrong"),
    (422, {"error": {"stream_name": ["is wrong"]}}, "422: spec.streamName is wrong"),
    (422, {"errors": {"stream_name": ["is wrong"]}}, "422: spec.streamName is wrong"),
    (422, {"errors": [{"stream_name": "is wrong"}]}, "422: spec.streamName is wrong"),
    (422, {"message": "Stream name is wrong"}, "422: Stream name is wrong"),
    (422, {"detail": "Stream name is wrong"}, "422: Stream name is wrong"),
    (422, {"title": "Stream name is wrong"}, "422: Stream name is wrong"),
    (422, "Stream name is wrong", "422: Stream name is wrong"),
    (422, ["Stream name is wrong"], "422: Stream name is wrong"),
    (400, E1, "400: spec.modelId is missing"),
    (
        400,
        {"errors": {"sync": {"schedule_type": ["must be one of: manual"]}}},
        "spec.scheduleType must be one of: manual",
    ),
    (
        400,
        {"errors": {"sync": {"configuration": {"1": {"to": ["is missing"]}}}}},
        "400: spec.configuration/1/to is missing",
    ),
    (400, {"errors": {"sync": ["is missing"]}}, "400: sync is missing"),
    (400, {"errors": {"id": ["must be an integer"]}}, "400: id must be an integer"),
    (400, {"errors": {"per_page": ["must be an integer"]}}, "400: per_page must be an integer"),
    (400, {"errors": {"schedule_sync": {"sync_id": ["is missing"]}}}, "400: schedule_sync/sync_id is missing"),
]


@pytest.mark.parametrize(("status", "body", "words"), SAID)
def test_what_a_server_says_is_told_with_the_fields_of_the_manifest(status: int, body: Any, words: str) -> None:
    error = error_from_response(Response(status, {}, body), "POST /syncs", now=NOW)

    assert type(error) is RejectedError
    assert str(error).endswith(words)


@pytest.mark.parametrize("status", [400, 403, 404, 422, 424, 429, 500])
@pytest.mark.parametrize(
    "body",
    [
        e2("#<Connector id: 1, configuration: {password: planted}>"),
        e3("planted", configuration="Translation missing: planted"),
        {"errors": {"connector": {"configuration": ["planted"]}}},
        {"error": "planted"},
        {"message": {"configuration": "planted"}},
    ],
)
def test_what_may_hold_a_secret_is_not_quoted(status: int, body: Any) -> None:
    error = error_from_response(Response(status, {}, body), "POST /connectors", now=NOW, quoting=Quoting.NOTHING)

    assert "planted" not in str(error)
    assert not getattr(error, "details", {})


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"errors": {"connector": {"connector_name": ["x"], "name": ["y"]}}}, "spec.connectorName, spec.name"),
        (
            {"errors": {"connector": {"[:connector_type, :connector_name]": ["x"]}}},
            "spec.connectorType, spec.connectorName",
        ),
        (e3("Model creation failed", query="must not end in LIMIT"), "spec.query"),
    ],
)
def test_the_fields_of_an_answer_that_is_not_quoted_are_named(body: Any, fields: str) -> None:
    error = error_from_response(Response(422, {}, body), "POST /x", now=NOW, quoting=Quoting.NOTHING)

    assert str(error) == f"POST /x was answered with 422 about {fields}"


@pytest.mark.parametrize(("status", "quoted"), [(422, True), (400, False), (500, False)])
def test_only_refusals_are_quoted_if_that_is_asked_for(status: int, quoted: bool) -> None:
    answer = Response(status, {}, e2("no such table"))

    assert ("no such table" in str(error_from_response(answer, "POST /x", now=NOW, quoting=Quoting.REFUSALS))) is quoted


@pytest.mark.parametrize("quoting", Quoting)
def test_a_name_that_is_taken_is_told_from_other_refusals(quoting: Quoting) -> None:
    taken = Response(422, {}, e3("A connector with the same name already exists."))
    other = Response(422, {}, e3("Connector creation failed", configuration="invalid"))

    assert isinstance(error_from_response(taken, "POST /connectors", now=NOW, quoting=quoting), NameTakenError)
    assert not isinstance(error_from_response(other, "POST /connectors", now=NOW, quoting=quoting), NameTakenError)
