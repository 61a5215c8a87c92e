"""The process environment, read in this one place and handed on as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from os import environ, pathsep
from pathlib import Path

from sync_operator.durations import parse_duration
from sync_operator.env_values import choice, each, flag, moment, number, percent, read, required, words
from sync_operator.errors import InvalidSettingsError
from sync_operator.host_patterns import HostPattern, HostRules, literal_address, parse_network

__all__ = [
    "ControllerSettings",
    "LogSettings",
    "RunPodRules",
    "RunnerSettings",
    "ToolSettings",
    "kubeconfig_files",
    "kubernetes_service",
    "proxy_environment",
    "watch_namespaces",
]

_PREFIX = "SYNC_OPERATOR_"
_PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How to log: ``format`` is ``json`` or ``text``, ``level`` a name of the logging module."""

    format: str = "json"
    level: str = "INFO"


@dataclass(frozen=True, slots=True)
class RunPodRules:
    """What ``spec.run.pod`` of a Sync may ask for. By default no identity, priority, label or annotation but our own.

    Attributes:
        service_accounts: names beside ``default``; ``*`` is any.
        priority_classes: names; ``*`` is any that is not Kubernetes' own (``system-…``).
        label_prefixes: how the keys of labels may begin; ``*`` is any.
        annotation_prefixes: the same for annotations.
        control_plane: True where run pods may ask for control-plane nodes.
    """

    service_accounts: tuple[str, ...] = ()
    priority_classes: tuple[str, ...] = ()
    label_prefixes: tuple[str, ...] = ()
    annotation_prefixes: tuple[str, ...] = ()
    control_plane: bool = False


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """What the controller is told by its environment (design section 5).

    Attributes:
        runner_image: image of the run pods (``SYNC_OPERATOR_RUNNER_IMAGE``, required).
        runner_image_pull_secrets: names of pull secrets given to every run pod.
        watch_namespaces: namespaces to serve; empty means all.
        resync: how often caches are compared with the cluster.
        hosts: which API hosts may be spoken to.
        log: how to log.
        metrics_port: TCP port of ``/metrics``.
        health_port: TCP port of ``/healthz`` and ``/readyz``.
        leader_election: True where several replicas run, of which one is to act.
        workers: how many reconciles run side by side; those that wait for a server for long are not counted.
        create_settle: how long after a create without an answer the server may still carry it out.
        run_start: how long the Job of a run, or its pod, may take to come before the Sync tells that it does not.
        proxies: proxy variables of this process, passed on to run pods where there is no ``runner_proxy_secret``.
        runner_proxy_secret: Secret of a Sync's namespace from which run pods take them instead; empty when not set.
        runner_pod_defaults: what all run pods are given, an object in JSON; empty for nothing.
        run_pods: what Syncs may ask for their run pods.
        require_secret_label: True where ``configurationSecrets`` are read only from Secrets that carry our label.
    """

    runner_image: str
    runner_image_pull_secrets: tuple[str, ...] = ()
    watch_namespaces: tuple[str, ...] = ()
    resync: timedelta = timedelta(seconds=300)
    hosts: HostRules = field(default_factory=HostRules)
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
            InvalidSettingsError: a variable of that prefix is unknown, missing or cannot be used; names it.
        """
        known = {
            "RUNNER_IMAGE",
            "RUNNER_IMAGE_PULL_SECRETS",
            "WATCH_NAMESPACES",
            "RESYNC_SECONDS",
            "ALLOWED_HOSTS",
            "ALLOW_INSECURE_HOSTS",
            "ALLOW_INTERNAL_HOSTS",
            "CLUSTER_NETWORKS",
            "POD_IPS",
            "RUNNER_PROXY_SECRET",
            "RUNNER_POD_DEFAULTS",
            "RUN_POD_SERVICE_ACCOUNTS",
            "RUN_POD_PRIORITY_CLASSES",
            "RUN_POD_LABEL_PREFIXES",
            "RUN_POD_ANNOTATION_PREFIXES",
            "RUN_POD_CONTROL_PLANE",
            "REQUIRE_SECRET_LABEL",
            "LOG_FORMAT",
            "LOG_LEVEL",
            "METRICS_PORT",
            "HEALTH_PORT",
            "LEADER_ELECTION",
            "WORKERS",
            "CREATE_SETTLE_SECONDS",
            "RUN_START_SECONDS",
        }
        for name in sorted(env):
            if name.startswith(_PREFIX) and name.removeprefix(_PREFIX) not in known:
                listed = ", ".join(_PREFIX + word for word in sorted(known))
                raise InvalidSettingsError(f"{name}: unknown setting; known are {listed}")
        proxy_secret = env.get(_PREFIX + "RUNNER_PROXY_SECRET", "").strip()
        return cls(
            runner_image=required(env, _PREFIX + "RUNNER_IMAGE", "the image of the run pods"),
            runner_image_pull_secrets=words(env, _PREFIX + "RUNNER_IMAGE_PULL_SECRETS"),
            watch_namespaces=watch_namespaces(env),
            resync=timedelta(seconds=number(env, _PREFIX + "RESYNC_SECONDS", 300, low=10, high=86_400)),
            hosts=_host_rules(env),
            log=_log(env, _PREFIX),
            metrics_port=number(env, _PREFIX + "METRICS_PORT", 8080, low=0, high=65_535),
            health_port=number(env, _PREFIX + "HEALTH_PORT", 8081, low=0, high=65_535),
            leader_election=flag(env, _PREFIX + "LEADER_ELECTION"),
            workers=number(env, _PREFIX + "WORKERS", 16, low=1, high=256),
            create_settle=timedelta(seconds=number(env, _PREFIX + "CREATE_SETTLE_SECONDS", 300, low=1, high=3600)),
            run_start=timedelta(seconds=number(env, _PREFIX + "RUN_START_SECONDS", 120, low=1, high=86_400)),
            proxies=proxy_environment(env) if proxy_secret else _without_credentials(proxy_environment(env)),
            runner_proxy_secret=proxy_secret,
            runner_pod_defaults=env.get(_PREFIX + "RUNNER_POD_DEFAULTS", "").strip(),
            run_pods=_run_pod_rules(env),
            require_secret_label=flag(env, _PREFIX + "REQUIRE_SECRET_LABEL"),
        )


def kubeconfig_files(env: Mapping[str, str] = environ) -> tuple[Path, ...]:
    """The files that ``KUBECONFIG`` names, else the usual one if it is there; as kubectl takes them."""
    named = [Path(path).expanduser() for path in env.get("KUBECONFIG", "").split(pathsep) if path.strip()]
    usual = Path("~/.kube/config").expanduser()
    return tuple(named) or ((usual,) if usual.exists() else ())


def kubernetes_service(env: Mapping[str, str] = environ) -> str | None:
    """URL of the API server by its address, as the kubelet tells it to every pod; None outside of a cluster."""
    host, port = env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        return None
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """What a run pod is told by its environment (design section 5).

    Attributes:
        sync_id: the server's id of the sync, a string of digits.
        api_url: base URL of the server, without ``/api/v1``.
        workspace_id: value of the ``Workspace-Id`` header, or None.
        dialect: ``Documented`` or ``Multiwoven``.
        token_file: file that holds the bearer token, read anew whenever it may have changed.
        ca_file: certificate bundle for the server, or None for the system's own.
        max_failed_rows_percent: share of rows (0-100) that may fail in a run called delivered.
        timeout: the runner cancels a run that takes longer; None means no limit.
        run_name: name of the Job; that of a scheduled one tells its minute.
        registered_at: when the server made the sync, in whole seconds; None when not known.
        since: when a requested run was asked for, which its Job's name does not tell; None when not known.
        retries: how many failed runs of its own a Job may follow by another one.
        hosts: which API hosts may be spoken to.
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
    hosts: HostRules = field(default_factory=HostRules)
    proxies: tuple[tuple[str, str], ...] = ()
    log: LogSettings = LogSettings(format="text")

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = environ) -> "RunnerSettings":
        """Read ``SYNC_*``, ``LOG_FORMAT`` and the controller's host rules.

        Raises:
            InvalidSettingsError: a variable is missing or cannot be used; names it.
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
            registered_at=read(env, "SYNC_REGISTERED_AT", moment) if env.get("SYNC_REGISTERED_AT") else None,
            since=read(env, "SYNC_RUN_SINCE", moment) if env.get("SYNC_RUN_SINCE") else None,
            retries=number(env, "SYNC_RUN_RETRIES", 0, low=0, high=1000),
            hosts=_host_rules(env),
            proxies=proxy_environment(env),
            log=LogSettings(format=choice(env, "LOG_FORMAT", "text", ("json", "text"))),
        )


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """What `validate`, `plan` and `export` are told by their environment.

    Attributes:
        colour: False when ``NO_COLOR`` is set to anything.
        url: ``SYNC_API_URL``, base URL of a server; empty when not set.
        workspace_id: ``SYNC_API_WORKSPACE_ID``.
        dialect: ``SYNC_API_DIALECT``: ``Auto``, ``Documented`` or ``Multiwoven``.
        token: ``SYNC_API_TOKEN``; empty when not set.
        ca_file: ``SYNC_API_CA_FILE``.
        run_pods: the operator's rules for run pods; None where none of its variables is set.
    """

    colour: bool = True
    url: str = ""
    workspace_id: str | None = None
    dialect: str = "Auto"
    token: str = field(default="", repr=False)
    ca_file: Path | None = None
    hosts: HostRules = field(default_factory=HostRules)
    proxies: tuple[tuple[str, str], ...] = ()
    run_pods: RunPodRules | None = None

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = environ) -> "ToolSettings":
        """Read the variables.

        Raises:
            InvalidSettingsError: one cannot be used; names it.
        """
        ca_file = env.get("SYNC_API_CA_FILE")
        return cls(
            colour=not env.get("NO_COLOR"),
            url=env.get("SYNC_API_URL", "").strip(),
            workspace_id=env.get("SYNC_API_WORKSPACE_ID") or None,
            dialect=choice(env, "SYNC_API_DIALECT", "Auto", ("Auto", "Documented", "Multiwoven")),
            token=env.get("SYNC_API_TOKEN", "").strip(),
            ca_file=Path(ca_file) if ca_file else None,
            hosts=_host_rules(env),
            proxies=proxy_environment(env),
            run_pods=_run_pod_rules(env) if any(name.startswith(_PREFIX + "RUN_POD_") for name in env) else None,
        )


def watch_namespaces(env: Mapping[str, str] = environ) -> tuple[str, ...]:
    """Namespaces to serve; empty means all."""
    return words(env, _PREFIX + "WATCH_NAMESPACES")


def proxy_environment(env: Mapping[str, str] = environ) -> tuple[tuple[str, str], ...]:
    """The proxy variables that are set, for this process and for handing on to run pods.

    Raises:
        InvalidSettingsError: a proxy is neither an http nor an https one.
    """
    found = tuple((name, env[name]) for name in _PROXY_NAMES if env.get(name))
    for name, value in found:
        scheme, separator, _ = value.strip().partition("://")
        if separator and name.lower() != "no_proxy" and scheme.lower() not in {"http", "https"}:
            raise InvalidSettingsError(f"{name}: a proxy must be an http or https URL, such as http://proxy:3128")
    return found


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
        service_accounts=words(env, start + "SERVICE_ACCOUNTS"),
        priority_classes=words(env, start + "PRIORITY_CLASSES"),
        label_prefixes=words(env, start + "LABEL_PREFIXES"),
        annotation_prefixes=words(env, start + "ANNOTATION_PREFIXES"),
        control_plane=flag(env, start + "CONTROL_PLANE"),
    )


def _host_rules(env: Mapping[str, str]) -> HostRules:
    def hosts(name: str) -> tuple[str, ...]:
        return tuple(each(env, _PREFIX + name, HostPattern.parse))

    api_server = env.get("KUBERNETES_SERVICE_HOST", "")
    return HostRules(
        allowed=hosts("ALLOWED_HOSTS"),
        insecure=hosts("ALLOW_INSECURE_HOSTS"),
        internal=hosts("ALLOW_INTERNAL_HOSTS"),
        cluster=tuple(each(env, _PREFIX + "CLUSTER_NETWORKS", parse_network)),
        own=(*each(env, _PREFIX + "POD_IPS", parse_network), *([api_server] if literal_address(api_server) else ())),
    )


def _log(env: Mapping[str, str], prefix: str) -> LogSettings:
    return LogSettings(
        format=choice(env, prefix + "LOG_FORMAT", "json", ("json", "text")),
        level=choice(env, prefix + "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
    )
