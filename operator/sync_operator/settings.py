"""Settings from the process environment, which is read only here and passed on as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from os import environ, pathsep
from pathlib import Path

from sync_operator.env_values import (
    check_proxy_url,
    checked_csv,
    choice,
    csv,
    flag,
    integer,
    percent,
    read,
    required,
    timestamp,
)
from sync_operator.errors import InvalidSettingsError
from sync_operator.util.durations import parse_duration
from sync_operator.util.host_patterns import EgressPolicy, HostPattern, literal_address, parse_network
from sync_operator.variables import CONTROLLER_COUNTS, CONTROLLER_PREFIX, CONTROLLER_VARIABLES, RENAMED_VARIABLES

__all__ = [
    "ControllerSettings",
    "LogSettings",
    "RunPodRules",
    "RunnerSettings",
    "ToolSettings",
    "colour_allowed",
    "kubeconfig_files",
    "kubernetes_service",
    "proxy_environment",
    "watch_namespaces",
]

_PREFIX = CONTROLLER_PREFIX
_PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How to log: ``format`` is ``json`` or ``text``, ``level`` a level name of the logging module."""

    format: str = "json"
    level: str = "INFO"


@dataclass(frozen=True, slots=True)
class RunPodRules:
    """What ``spec.run.pod`` of a Sync may set. By default no identity, priority, label or annotation but our own.

    Attributes:
        service_accounts: allowed names besides ``default``; ``*`` allows any.
        priority_classes: allowed names; ``*`` allows any that is not Kubernetes' own (``system-…``).
        label_prefixes: allowed prefixes of label keys; ``*`` allows any.
        annotation_prefixes: allowed prefixes of annotation keys; ``*`` allows any.
        control_plane: True if run pods may ask for control-plane nodes.
    """

    service_accounts: tuple[str, ...] = ()
    priority_classes: tuple[str, ...] = ()
    label_prefixes: tuple[str, ...] = ()
    annotation_prefixes: tuple[str, ...] = ()
    control_plane: bool = False


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """Settings of the controller (design section 5).

    Attributes:
        runner_image: image of the run pods (``SYNC_OPERATOR_RUNNER_IMAGE``, required).
        runner_image_pull_secrets: names of pull secrets given to every run pod.
        watch_namespaces: namespaces to serve; empty means all.
        relist: period of the full lists of the cluster's objects, and of the drift check of each Workspace.
        hosts: egress policy: which API hosts may be called.
        log: how to log.
        metrics_port: TCP port of ``/metrics``.
        health_port: TCP port of ``/healthz`` and ``/readyz``.
        leader_election: True if several replicas run, of which only the leader acts.
        workers: how many reconciles run in parallel; those that wait long for a server are not counted.
        create_settle: how long after a create without a response the server may still carry it out.
        run_start: how long the Job of a run, or its pod, may take to start before the Sync reports that it has not.
        proxies: proxy variables of this process, passed on to run pods unless there is a ``runner_proxy_secret``.
        runner_proxy_secret: Secret in a Sync's namespace from which run pods take them instead; empty when not set.
        runner_pod_defaults: defaults for all run pods, a JSON object; empty for none.
        run_pods: what Syncs may set for their run pods.
        require_secret_label: True if ``configurationSecrets`` are read only from Secrets with our label.
    """

    runner_image: str
    runner_image_pull_secrets: tuple[str, ...] = ()
    watch_namespaces: tuple[str, ...] = ()
    relist: timedelta = timedelta(seconds=300)
    hosts: EgressPolicy = field(default_factory=EgressPolicy)
    log: LogSettings = LogSettings()
    metrics_port: int = 8080
    health_port: int = 8081
    leader_election: bool = False
    workers: int = 16
    create_settle: timedelta = timedelta(seconds=300)
    run_start: timedelta = timedelta(seconds=120)
    proxies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    runner_proxy_secret: str = ""
    runner_pod_defaults: str = ""
    run_pods: RunPodRules = RunPodRules()
    require_secret_label: bool = False

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = environ) -> "ControllerSettings":
        """Read ``SYNC_OPERATOR_*``.

        Raises:
            InvalidSettingsError: a variable of that prefix is unknown, missing or unusable; names it.
        """
        for name in sorted(env):
            if name.startswith(_PREFIX) and name.removeprefix(_PREFIX) not in CONTROLLER_VARIABLES:
                if renamed := RENAMED_VARIABLES.get(name.removeprefix(_PREFIX)):
                    raise InvalidSettingsError(f"{name}: is called {_PREFIX}{renamed} now; set that one instead")
                listed = ", ".join(_PREFIX + word for word in sorted(CONTROLLER_VARIABLES))
                raise InvalidSettingsError(f"{name}: unknown setting; known are {listed}")
        proxy_secret = env.get(_PREFIX + "RUNNER_PROXY_SECRET", "").strip()
        return cls(
            runner_image=required(env, _PREFIX + "RUNNER_IMAGE", "the image of the run pods"),
            runner_image_pull_secrets=csv(env, _PREFIX + "RUNNER_IMAGE_PULL_SECRETS"),
            watch_namespaces=watch_namespaces(env),
            relist=timedelta(seconds=_count(env, "RELIST_SECONDS")),
            hosts=_egress_policy(env),
            log=_log(env, _PREFIX),
            metrics_port=_count(env, "METRICS_PORT"),
            health_port=_count(env, "HEALTH_PORT"),
            leader_election=flag(env, _PREFIX + "LEADER_ELECTION"),
            workers=_count(env, "WORKERS"),
            create_settle=timedelta(seconds=_count(env, "CREATE_SETTLE_SECONDS")),
            run_start=timedelta(seconds=_count(env, "RUN_START_SECONDS")),
            proxies=proxy_environment(env) if proxy_secret else _without_credentials(proxy_environment(env)),
            runner_proxy_secret=proxy_secret,
            runner_pod_defaults=env.get(_PREFIX + "RUNNER_POD_DEFAULTS", "").strip(),
            run_pods=_run_pod_rules(env),
            require_secret_label=flag(env, _PREFIX + "REQUIRE_SECRET_LABEL"),
        )


def kubeconfig_files(env: Mapping[str, str] = environ) -> tuple[Path, ...]:
    """The files that ``KUBECONFIG`` names, else ``~/.kube/config`` if it exists; the same that kubectl uses."""
    named = [Path(path).expanduser() for path in env.get("KUBECONFIG", "").split(pathsep) if path.strip()]
    usual = Path("~/.kube/config").expanduser()
    return tuple(named) or ((usual,) if usual.exists() else ())


def colour_allowed(env: Mapping[str, str] = environ) -> bool:
    """False when ``NO_COLOR`` is set to anything."""
    return not env.get("NO_COLOR")


def kubernetes_service(env: Mapping[str, str] = environ) -> str | None:
    """URL of the API server, from the variables that the kubelet sets in every pod; None outside of a cluster."""
    host, port = env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        return None
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """Settings of a run pod (design section 5).

    Attributes:
        sync_id: the server's id of the sync, a string of digits.
        api_url: base URL of the server, without ``/api/v1``.
        workspace_id: value of the ``Workspace-Id`` header, or None.
        dialect: ``Documented`` or ``Multiwoven``.
        token_file: file with the bearer token, read again whenever it may have changed.
        ca_file: CA bundle to verify the server, or None for the system's.
        max_failed_rows_percent: share of rows (0-100) that may fail in a run that counts as delivered.
        timeout: the runner cancels a run that takes longer; None means no limit.
        run_name: name of the Job; that of a scheduled Job contains the scheduled minute.
        registered_at: when the server created the sync; None if unknown.
        since: when a requested run was requested, which its Job's name does not contain; None if unknown.
        retries: how many of its own failed runs a Job may retry.
        hosts: egress policy: which API hosts may be called.
        proxies: proxy variables of this process.
        log: how to log.
    """

    sync_id: str
    api_url: str
    dialect: str
    token_file: Path
    workspace_id: str | None = None
    ca_file: Path | None = None
    max_failed_rows_percent: float = 0.0
    timeout: timedelta | None = None
    run_name: str = ""
    registered_at: datetime | None = None
    since: datetime | None = None
    retries: int = 0
    hosts: EgressPolicy = field(default_factory=EgressPolicy)
    proxies: tuple[tuple[str, str], ...] = ()
    log: LogSettings = LogSettings(format="text")

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = environ) -> "RunnerSettings":
        """Read ``SYNC_*``, ``LOG_FORMAT`` and the controller's egress policy.

        Raises:
            InvalidSettingsError: a variable is missing or unusable; names it.
        """
        sync_id = required(env, "SYNC_ID", "the server's id of the sync to run")
        if not (sync_id.isascii() and sync_id.isdigit()):
            raise InvalidSettingsError(f"SYNC_ID: {sync_id!r} is not a string of digits")
        ca_file = env.get("SYNC_API_CA_FILE")
        timeout = env.get("SYNC_RUN_TIMEOUT")
        return cls(
            sync_id=sync_id,
            api_url=required(env, "SYNC_API_URL", "the base URL of the sync server").rstrip("/"),
            dialect=choice(env, "SYNC_API_DIALECT", "Multiwoven", ("Documented", "Multiwoven")),
            token_file=Path(required(env, "SYNC_API_TOKEN_FILE", "the file that holds the API token")),
            workspace_id=env.get("SYNC_API_WORKSPACE_ID") or None,
            ca_file=Path(ca_file) if ca_file else None,
            max_failed_rows_percent=percent(env, "SYNC_MAX_FAILED_ROWS_PERCENT"),
            timeout=read(env, "SYNC_RUN_TIMEOUT", parse_duration) if timeout else None,
            run_name=env.get("SYNC_RUN_NAME", ""),
            registered_at=read(env, "SYNC_REGISTERED_AT", timestamp) if env.get("SYNC_REGISTERED_AT") else None,
            since=read(env, "SYNC_RUN_SINCE", timestamp) if env.get("SYNC_RUN_SINCE") else None,
            retries=integer(env, "SYNC_RUN_RETRIES", 0, minimum=0, maximum=1000),
            hosts=_egress_policy(env),
            proxies=proxy_environment(env),
            log=LogSettings(format=choice(env, "LOG_FORMAT", "text", ("json", "text"))),
        )


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """Settings of `validate`, `plan` and `export`.

    Attributes:
        colour: False when ``NO_COLOR`` is set to anything.
        url: ``SYNC_API_URL``, base URL of a server; empty when not set.
        workspace_id: ``SYNC_API_WORKSPACE_ID``.
        dialect: ``SYNC_API_DIALECT``: ``Auto``, ``Documented`` or ``Multiwoven``.
        token: ``SYNC_API_TOKEN``; empty when not set.
        ca_file: ``SYNC_API_CA_FILE``.
        run_pods: the operator's rules for run pods; None if none of their variables is set.
    """

    colour: bool = True
    url: str = ""
    workspace_id: str | None = None
    dialect: str = "Auto"
    token: str = field(default="", repr=False)
    ca_file: Path | None = None
    hosts: EgressPolicy = field(default_factory=EgressPolicy)
    proxies: tuple[tuple[str, str], ...] = ()
    run_pods: RunPodRules | None = None

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = environ) -> "ToolSettings":
        """Read the variables.

        Raises:
            InvalidSettingsError: a variable is unusable; names it.
        """
        ca_file = env.get("SYNC_API_CA_FILE")
        return cls(
            colour=colour_allowed(env),
            url=env.get("SYNC_API_URL", "").strip(),
            workspace_id=env.get("SYNC_API_WORKSPACE_ID") or None,
            dialect=choice(env, "SYNC_API_DIALECT", "Auto", ("Auto", "Documented", "Multiwoven")),
            token=env.get("SYNC_API_TOKEN", "").strip(),
            ca_file=Path(ca_file) if ca_file else None,
            hosts=_egress_policy(env),
            proxies=proxy_environment(env),
            run_pods=_run_pod_rules(env) if any(name.startswith(_PREFIX + "RUN_POD_") for name in env) else None,
        )


def watch_namespaces(env: Mapping[str, str] = environ) -> tuple[str, ...]:
    """Namespaces to serve; empty means all."""
    return csv(env, _PREFIX + "WATCH_NAMESPACES")


def proxy_environment(env: Mapping[str, str] = environ) -> tuple[tuple[str, str], ...]:
    """Name and value of each proxy variable that is set, for this process and for its run pods.

    Raises:
        InvalidSettingsError: the URL of a proxy is neither http nor https, or its host cannot be told from its login.
    """
    found = tuple((name, env[name]) for name in _PROXY_NAMES if env.get(name))
    for name, value in found:
        if name.lower() != "no_proxy" and value.strip():
            check_proxy_url(name, value.strip())
    return found


def _count(env: Mapping[str, str], name: str) -> int:
    """An integer setting of the controller."""
    variable = CONTROLLER_COUNTS[name]
    return integer(env, _PREFIX + name, variable.default_value, minimum=variable.minimum, maximum=variable.maximum)


def _without_credentials(proxies: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    for name, value in proxies:
        if "@" in value and name.lower() != "no_proxy":
            raise InvalidSettingsError(
                f"{name}: carries a login, which every CronJob would show in clear text; put the proxy's URL into a "
                "Secret of each namespace with Syncs, under the key HTTPS_PROXY, and the name of that Secret into "
                f"{_PREFIX}RUNNER_PROXY_SECRET"
            )
    return proxies


def _run_pod_rules(env: Mapping[str, str]) -> RunPodRules:
    start = _PREFIX + "RUN_POD_"
    return RunPodRules(
        service_accounts=csv(env, start + "SERVICE_ACCOUNTS"),
        priority_classes=csv(env, start + "PRIORITY_CLASSES"),
        label_prefixes=csv(env, start + "LABEL_PREFIXES"),
        annotation_prefixes=csv(env, start + "ANNOTATION_PREFIXES"),
        control_plane=flag(env, start + "CONTROL_PLANE"),
    )


def _egress_policy(env: Mapping[str, str]) -> EgressPolicy:
    def hosts(name: str) -> tuple[str, ...]:
        return tuple(checked_csv(env, _PREFIX + name, HostPattern.parse))

    api_server = env.get("KUBERNETES_SERVICE_HOST", "")
    return EgressPolicy(
        allowed=hosts("ALLOWED_HOSTS"),
        insecure=hosts("ALLOW_INSECURE_HOSTS"),
        internal=hosts("ALLOW_INTERNAL_HOSTS"),
        cluster=tuple(checked_csv(env, _PREFIX + "CLUSTER_NETWORKS", parse_network)),
        own=(
            *checked_csv(env, _PREFIX + "POD_IPS", parse_network),
            *([api_server] if literal_address(api_server) else ()),
        ),
    )


def _log(env: Mapping[str, str], prefix: str) -> LogSettings:
    return LogSettings(
        format=choice(env, prefix + "LOG_FORMAT", "json", ("json", "text")),
        level=choice(env, prefix + "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
    )
