from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync_operator.errors import InvalidSettingsError
from sync_operator.settings import (
    ControllerSettings,
    LogSettings,
    RunnerSettings,
    RunPodRules,
    ToolSettings,
    kubernetes_service,
)
from sync_operator.util.host_patterns import EgressPolicy

LEAST = {"SYNC_OPERATOR_RUNNER_IMAGE": "registry/sync-operator:1"}
RUNNER = {"SYNC_ID": "12", "SYNC_API_URL": "https://api.example.com/", "SYNC_API_TOKEN_FILE": "/token"}


def test_the_least_environment_gives_the_documented_defaults() -> None:
    settings = ControllerSettings.from_environment(LEAST | {"PATH": "/bin"})
    assert settings == ControllerSettings(runner_image="registry/sync-operator:1")
    assert (settings.relist, settings.health_port) == (timedelta(seconds=300), 8081)


def test_everything_can_be_set() -> None:
    settings = ControllerSettings.from_environment(
        LEAST
        | {
            "SYNC_OPERATOR_RUNNER_IMAGE_PULL_SECRETS": "a, b,",
            "SYNC_OPERATOR_WATCH_NAMESPACES": "one,two",
            "SYNC_OPERATOR_RELIST_SECONDS": "60",
            "SYNC_OPERATOR_ALLOWED_HOSTS": "API.example.com",
            "SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "localhost",
            "SYNC_OPERATOR_ALLOW_INTERNAL_HOSTS": "10.96.0.10:8080",
            "SYNC_OPERATOR_CLUSTER_NETWORKS": "10.96.0.0/12,FD00::/108",
            "SYNC_OPERATOR_POD_IPS": "10.244.0.5,fd00::5",
            "KUBERNETES_SERVICE_HOST": "10.96.0.1",
            "SYNC_OPERATOR_LOG_FORMAT": "text",
            "SYNC_OPERATOR_LOG_LEVEL": "DEBUG",
            "SYNC_OPERATOR_HEALTH_PORT": "0",
            "SYNC_OPERATOR_LEADER_ELECTION": "true",
            "SYNC_OPERATOR_WORKERS": "4",
            "SYNC_OPERATOR_RUN_POD_SERVICE_ACCOUNTS": "runs,more",
            "SYNC_OPERATOR_RUN_POD_PRIORITY_CLASSES": "low",
            "SYNC_OPERATOR_RUN_POD_LABEL_PREFIXES": "team/",
            "SYNC_OPERATOR_RUN_POD_ANNOTATION_PREFIXES": "*",
            "SYNC_OPERATOR_RUN_POD_CONTROL_PLANE": "true",
            "SYNC_OPERATOR_REQUIRE_SECRET_LABEL": "true",
            "SYNC_OPERATOR_RUNNER_PROXY_SECRET": "sync-proxy",
            "SYNC_OPERATOR_RUNNER_POD_DEFAULTS": '{"labels": {"a": "b"}}',
            "HTTPS_PROXY": "http://proxy:3128",
            "NO_PROXY": "",
        }
    )
    assert settings == ControllerSettings(
        runner_image="registry/sync-operator:1",
        runner_image_pull_secrets=("a", "b"),
        watch_namespaces=("one", "two"),
        relist=timedelta(seconds=60),
        hosts=EgressPolicy(
            ("api.example.com",),
            ("localhost",),
            internal=("10.96.0.10:8080",),
            cluster=("10.96.0.0/12", "fd00::/108"),
            own=("10.244.0.5", "fd00::5", "10.96.0.1"),
        ),
        log=LogSettings("text", "DEBUG"),
        health_port=0,
        leader_election=True,
        workers=4,
        proxies=(("HTTPS_PROXY", "http://proxy:3128"),),
        runner_proxy_secret="sync-proxy",
        runner_pod_defaults='{"labels": {"a": "b"}}',
        run_pods=RunPodRules(("runs", "more"), ("low",), ("team/",), ("*",), control_plane=True),
        require_secret_label=True,
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SYNC_OPERATOR_RUNNER_IMAGE": " "}, "SYNC_OPERATOR_RUNNER_IMAGE: not set"),
        ({"SYNC_OPERATOR_LEADER_ELECTION": "yes"}, "SYNC_OPERATOR_LEADER_ELECTION: 'yes' is not one of true, false"),
        ({"SYNC_OPERATOR_WORKER": "3"}, "SYNC_OPERATOR_WORKER: unknown setting; known are .*SYNC_OPERATOR_WORKERS"),
        (
            {"SYNC_OPERATOR_RESYNC_SECONDS": "60"},
            "SYNC_OPERATOR_RESYNC_SECONDS: is called SYNC_OPERATOR_RELIST_SECONDS now; set that one instead",
        ),
        ({"SYNC_OPERATOR_WORKERS": "0"}, "SYNC_OPERATOR_WORKERS: '0' is not a whole number from 1 to 256"),
        ({"SYNC_OPERATOR_RELIST_SECONDS": "5m"}, "SYNC_OPERATOR_RELIST_SECONDS: '5m' is not"),
        ({"SYNC_OPERATOR_LOG_FORMAT": "xml"}, "SYNC_OPERATOR_LOG_FORMAT: 'xml' is not one of json, text"),
        ({"SYNC_OPERATOR_LOG_LEVEL": "loud"}, "SYNC_OPERATOR_LOG_LEVEL: 'loud'"),
        ({"SYNC_OPERATOR_ALLOWED_HOSTS": "https://a"}, "SYNC_OPERATOR_ALLOWED_HOSTS: 'https://a'"),
        ({"SYNC_OPERATOR_ALLOW_INSECURE_HOSTS": "a:b"}, "the port is not a number from 1 to 65535"),
        ({"SYNC_OPERATOR_CLUSTER_NETWORKS": "all"}, "'all' is not an address or network"),
    ],
)
def test_what_cannot_be_used_is_named(changes: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidSettingsError, match=words):
        ControllerSettings.from_environment(LEAST | changes)


def test_a_runner_needs_three_variables() -> None:
    settings = RunnerSettings.from_environment(RUNNER)
    assert settings == RunnerSettings("12", "https://api.example.com", "Multiwoven", Path("/token"))
    full = RunnerSettings.from_environment(
        RUNNER
        | {
            "SYNC_API_WORKSPACE_ID": "3",
            "SYNC_API_DIALECT": "Documented",
            "SYNC_API_CA_FILE": "/ca.crt",
            "SYNC_MAX_FAILED_ROWS_PERCENT": "2.5",
            "SYNC_RUN_TIMEOUT": "1h30m",
            "SYNC_RUN_NAME": "orders-29924987",
            "SYNC_REGISTERED_AT": "2026-01-01T00:00:00Z",
            "SYNC_RUN_SINCE": "2026-01-02T03:04:05Z",
            "SYNC_RUN_RETRIES": "2",
            "LOG_FORMAT": "json",
        }
    )
    assert (full.workspace_id, full.dialect, full.ca_file) == ("3", "Documented", Path("/ca.crt"))
    assert (full.max_failed_rows_percent, full.timeout) == (2.5, timedelta(minutes=90))
    assert (full.run_name, full.log.format) == ("orders-29924987", "json")
    assert full.registered_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (full.since, full.retries) == (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SYNC_ID": "../1"}, "SYNC_ID: '../1' is not a string of digits"),
        ({"SYNC_API_URL": ""}, "SYNC_API_URL: not set"),
        ({"SYNC_API_DIALECT": "Klingon"}, "SYNC_API_DIALECT: 'Klingon' is not one of"),
        ({"SYNC_MAX_FAILED_ROWS_PERCENT": "some"}, "SYNC_MAX_FAILED_ROWS_PERCENT: 'some' is not a percentage"),
        ({"SYNC_MAX_FAILED_ROWS_PERCENT": "101"}, "not a percentage from 0 to 100"),
        ({"SYNC_RUN_TIMEOUT": "soon"}, "SYNC_RUN_TIMEOUT: 'soon' is not a duration"),
        ({"SYNC_REGISTERED_AT": "once"}, "SYNC_REGISTERED_AT: 'once' is not a time like"),
        ({"SYNC_RUN_SINCE": "yesterday"}, "SYNC_RUN_SINCE: 'yesterday' is not a time like"),
        ({"SYNC_RUN_SINCE": "2026-01-02T03:04:05"}, "is not a time like"),
        ({"SYNC_RUN_RETRIES": "-1"}, "SYNC_RUN_RETRIES: '-1' is not a whole number"),
    ],
)
def test_a_runner_names_what_it_cannot_use(changes: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidSettingsError, match=words):
        RunnerSettings.from_environment(RUNNER | changes)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy"])
@pytest.mark.parametrize("url", ["http://someone:planted@proxy:3128", "someone:planted@proxy:3128"])
def test_a_proxy_with_a_login_needs_a_secret_for_run_pods(name: str, url: str) -> None:
    with pytest.raises(
        InvalidSettingsError, match=f"{name}: carries a login.*SYNC_OPERATOR_RUNNER_PROXY_SECRET"
    ) as told:
        ControllerSettings.from_environment(LEAST | {name: url})
    assert "planted" not in str(told.value)

    settings = ControllerSettings.from_environment(LEAST | {name: url, "SYNC_OPERATOR_RUNNER_PROXY_SECRET": "proxy"})
    assert settings.proxies == ((name, url),)
    assert "planted" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "http://someone:plan/ted@proxy:3128",
        "someone:plan?ted@proxy:3128",
        "http://someone:plan#ted@proxy",
        "http://proxy:planted",
        "http://proxy:99999",
        "http://someone:planted@",
        "http://[planted:3128",
        "http://pröxy:3128",
    ],
)
def test_a_proxy_that_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidSettingsError, match=r"HTTPS_PROXY: is not the URL of a proxy.*%2F") as told:
        RunnerSettings.from_environment(RUNNER | {"HTTPS_PROXY": url})

    assert "ted" not in str(told.value)
    assert told.value.__cause__ is None


def test_tools_know_the_rules_for_run_pods_where_they_are_set() -> None:
    assert ToolSettings.from_environment({}).run_pods is None
    told = ToolSettings.from_environment({"SYNC_OPERATOR_RUN_POD_LABEL_PREFIXES": "team/"}).run_pods
    assert told == RunPodRules(label_prefixes=("team/",))


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, None),
        ({"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "6443"}, "https://10.96.0.1:6443"),
        ({"KUBERNETES_SERVICE_HOST": "fd00::1"}, "https://[fd00::1]:443"),
    ],
)
def test_the_api_server_is_known_by_its_address_in_a_pod(env: dict[str, str], url: str | None) -> None:
    assert kubernetes_service(env) == url
