from typing import Any

import pytest
from tests.support.manifests import REMOVED, sync_spec, workspace_spec
from tests.support.messages import Messages

from sync_operator.api.enums import DeletionPolicy, DialectChoice, IntervalUnit, ScheduleType
from sync_operator.api.kinds.run import PodDefaults
from sync_operator.api.kinds.workspace import WorkspaceSpec
from sync_operator.api.validation.strict_validation import (
    read_pod_defaults,
    read_sync_spec,
    read_workspace_spec,
    validate_strict,
)
from sync_operator.errors import InvalidSettingsError, InvalidSpecError

SECRET = {"name": "keys", "key": "one"}


def test_the_least_spec_has_the_designs_defaults() -> None:
    spec = read_sync_spec(sync_spec())

    assert (spec.source_id, spec.destination_id, spec.model_id) == (1, 2, 3)
    assert spec.sync_mode == "full_refresh"
    assert spec.workspace_ref.name == "default"
    assert (spec.time_zone, spec.suspend, spec.scheduler, spec.drift_policy) == ("Etc/UTC", False, "CronJob", "Correct")
    assert (spec.run.retries, spec.run.starting_deadline_seconds) == (0, 300)
    assert (spec.run.successful_history, spec.run.failed_history, spec.run.max_failed_rows_percent) == (3, 3, 0)
    assert [spec.deletion_policy, spec.freshness, spec.external_id, spec.run.timeout] == [None] * 4


def test_every_field_is_read_from_its_camel_case_name() -> None:
    spec = read_sync_spec(
        sync_spec(
            scheduleType="automated",
            configurationSecrets=[{"pointer": "/a/b~1c", "secretKeyRef": SECRET}],
            syncMode="incremental",
            syncInterval=90,
            syncIntervalUnit="minutes",
            cronExpression="0 6 * * *",
            cursorField="updated_at",
            workspaceRef={"name": "prod"},
            externalId="17",
            timeZone="Europe/Berlin",
            suspend=True,
            suspendReason="audit",
            scheduler="Server",
            deletionPolicy="Retain",
            driftPolicy="Report",
            run={
                "timeout": "1h30m",
                "maxFailedRowsPercent": 2.5,
                "pod": {
                    "resources": {"requests": {"cpu": 1, "memory": "64Mi"}},
                    "nodeSelector": {"zone": "a"},
                    "tolerations": [{"key": "spot", "effect": "NoExecute", "tolerationSeconds": 30}],
                    "imagePullSecrets": [{"name": "pull"}],
                },
            },
            freshness={"maxAge": "26h"},
        )
    )

    assert spec.schedule_type is ScheduleType.AUTOMATED
    assert spec.sync_interval_unit is IntervalUnit.MINUTES
    assert spec.deletion_policy is DeletionPolicy.RETAIN
    assert spec.configuration_secrets[0].secret_key_ref.key == "one"
    assert (spec.cursor_field, spec.workspace_ref.name, spec.external_id) == ("updated_at", "prod", "17")
    pod = spec.run.pod
    assert pod.resources is not None
    assert pod.resources.model_dump(by_alias=True, exclude_none=True) == {"requests": {"cpu": 1, "memory": "64Mi"}}
    assert pod.tolerations[0].model_dump(by_alias=True, exclude_none=True) == {
        "key": "spot",
        "effect": "NoExecute",
        "tolerationSeconds": 30,
    }
    assert pod.image_pull_secrets[0].name == "pull"
    assert spec.freshness is not None
    assert spec.freshness.max_age == "26h"


@pytest.mark.parametrize("configuration", [{}, [], {"a": None, "b": {"c": [None, 1.0]}}, [{"from": "a", "to": None}]])
def test_configuration_is_kept_to_the_letter(configuration: object) -> None:
    assert read_sync_spec(sync_spec(configuration=configuration)).configuration == configuration


def test_nulls_and_unknown_fields_are_as_if_not_written() -> None:
    spec = read_sync_spec(sync_spec(syncInterval=None, timeZone=None, run={"pod": {"labels": {"a": None}}}, novelty=1))

    assert (spec.sync_interval, spec.time_zone, spec.run.pod.labels) == (None, "Etc/UTC", {})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sourceId": REMOVED}, "spec.sourceId"),
        ({"sourceId": 0}, "spec.sourceId"),
        ({"modelId": -4}, "spec.modelId"),
        ({"sourceId": "1"}, "spec.sourceId"),
        ({"destinationId": True}, "spec.destinationId"),
        ({"syncMode": "Full"}, "spec.syncMode"),
        ({"streamName": ""}, "spec.streamName"),
        ({"streamName": "x" * 1025}, "spec.streamName"),
        ({"configuration": "a"}, "spec.configuration"),
        ({"configuration": 3}, "spec.configuration"),
        ({"configuration": None}, "spec.configuration"),
        ({"syncInterval": 5}, "spec.syncIntervalUnit"),
        ({"syncIntervalUnit": "days"}, "spec.syncInterval"),
        ({"scheduleType": "interval"}, "spec.syncInterval"),
        ({"scheduleType": "cron_expression"}, "spec.cronExpression"),
        ({"scheduleType": "automated"}, "spec.scheduleType"),
        ({"externalId": "a1"}, "spec.externalId"),
        ({"suspend": "yes"}, "spec.suspend"),
        ({"workspaceRef": {"name": "Not_A_Name"}}, "spec.workspaceRef.name"),
        ({"run": 3}, "spec.run"),
        ({"freshness": "24h"}, "spec.freshness"),
        ({"run": {"pod": {"nodeSelector": "fast"}}}, "spec.run.pod.nodeSelector"),
        ({"run": {"pod": {"tolerations": {"key": "a"}}}}, "spec.run.pod.tolerations"),
        ({"run": {"timeout": "0s"}}, "spec.run.timeout"),
        ({"run": {"timeout": "2 hours"}}, "spec.run.timeout"),
        ({"run": {"maxFailedRowsPercent": 101}}, "spec.run.maxFailedRowsPercent"),
        ({"run": {"startingDeadlineSeconds": 29}}, "spec.run.startingDeadlineSeconds"),
        ({"run": {"pod": {"tolerations": [{"key": 3}]}}}, "spec.run.pod.tolerations[0].key"),
        ({"run": {"pod": {"tolerations": [{}] * 33}}}, "spec.run.pod.tolerations"),
        ({"run": {"pod": {"resources": {"limits": {"cpu": True}}}}}, "spec.run.pod.resources.limits.cpu"),
        ({"configurationSecrets": [{"pointer": "/a", "secretKeyRef": SECRET}] * 2}, "spec.configurationSecrets"),
        ({"configurationSecrets": [{"pointer": "/a"}]}, "spec.configurationSecrets[0].secretKeyRef"),
    ],
)
def test_the_first_thing_wrong_is_named_with_its_remedy(
    changes: dict[str, Any], field: str, messages: Messages
) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        read_sync_spec(sync_spec(**changes))

    assert caught.value.field == field
    messages.text("InvalidSpec", str(caught.value))


def test_messages_show_no_long_values() -> None:
    with pytest.raises(InvalidSpecError) as caught:
        read_sync_spec(sync_spec(externalId="secret" * 20))

    assert "secret" not in str(caught.value)


def test_messages_show_no_passwords_of_a_url() -> None:
    with pytest.raises(InvalidSpecError) as caught:
        read_workspace_spec(workspace_spec(url="https://me:planted@api.example.com"))

    assert "planted" not in str(caught.value)


def test_a_spec_that_is_no_object_is_said_to_be_so() -> None:
    with pytest.raises(InvalidSpecError, match="must be an object"):
        read_sync_spec("text")  # type: ignore[arg-type]


def test_a_time_out_from_before_is_read_as_the_longest_of_today_and_no_new_one_is_taken() -> None:
    assert read_workspace_spec(workspace_spec(timeoutSeconds=600)).timeout_seconds == 60
    assert read_workspace_spec(workspace_spec(timeoutSeconds=60)).timeout_seconds == 60
    _, flaws = validate_strict(WorkspaceSpec, workspace_spec(timeoutSeconds=61))
    assert [flaw.message for flaw in flaws] == ["61 is too large; use at most 60"]
    with pytest.raises(InvalidSpecError, match=r"spec\.timeoutSeconds"):
        read_workspace_spec(workspace_spec(timeoutSeconds="600"))


def test_a_workspace_has_the_designs_defaults() -> None:
    spec = read_workspace_spec(workspace_spec())

    assert spec.auth.token_secret_ref is not None
    assert spec.auth.token_secret_ref.key == "token"
    assert spec.dialect is DialectChoice.AUTO
    assert (spec.requests_per_minute, spec.timeout_seconds, spec.suspend) == (100, 30, False)
    login = read_workspace_spec(workspace_spec(auth={"tokenSecretRef": REMOVED, "loginSecretRef": {"name": "l"}})).auth
    assert login.login_secret_ref is not None
    assert (login.login_secret_ref.email_key, login.login_secret_ref.password_key) == ("email", "password")
    authority = read_workspace_spec(workspace_spec(caSecretRef={"name": "ca"})).ca_secret_ref
    assert authority is not None
    assert authority.key == "ca.crt"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"auth": {"loginSecretRef": {"name": "login"}}}, "spec.auth"),
        ({"auth": {"tokenSecretRef": REMOVED}}, "spec.auth"),
        ({"url": "ftp://api.example.com"}, "spec.url"),
        ({"url": "https://user:pass@api.example.com"}, "spec.url"),
        ({"workspaceId": "ws-1"}, "spec.workspaceId"),
        ({"requestsPerMinute": 0}, "spec.requestsPerMinute"),
    ],
)
def test_what_is_wrong_with_a_workspace_is_named(changes: dict[str, Any], field: str, messages: Messages) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        read_workspace_spec(workspace_spec(**changes))

    assert caught.value.field == field
    messages.text("InvalidSpec", str(caught.value))


@pytest.mark.parametrize(
    "url", ["https://api.squared.ai", "http://sandbox:8080", "https://[::1]:3000/base/", "https://10.0.0.1/a"]
)
def test_urls_of_every_right_form_are_read(url: str) -> None:
    assert read_workspace_spec(workspace_spec(url=url)).url == url


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"nodeSelectors": {}}',
        '{"resources": {"limits": {"memory": "1 Gi"}}}',
        '{"affinity": {"node": {}}}',
    ],
)
def test_defaults_of_run_pods_that_cannot_be_are_named(text: str, messages: Messages) -> None:
    with pytest.raises(InvalidSettingsError, match="SYNC_OPERATOR_RUNNER_POD_DEFAULTS: ") as caught:
        read_pod_defaults(text)

    messages.text("InvalidSettings", str(caught.value))


def test_defaults_of_run_pods_may_be_none() -> None:
    assert read_pod_defaults("") == read_pod_defaults("{}") == PodDefaults()
