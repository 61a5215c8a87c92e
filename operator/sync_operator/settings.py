"""The process environment, read in this one place and handed on as frozen values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from os import environ
from pathlib import Path

from sync_operator.durations import parse_duration
from sync_operator.errors import InvalidSettingsError

__all__ = ["ControllerSettings", "HostRules", "LogSettings", "RunnerSettings", "ToolSettings", "proxy_environment"]

_PREFIX = "SYNC_OPERATOR_"
_PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class HostRules:
    """Which API hosts may be spoken to.

    Attributes:
        allowed: when not empty, only these hosts (lower case; ``*.example.com``: every host below it).
        insecure: hosts that may be spoken to by plain http.
    """

    allowed: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How to log: ``format`` is ``json`` or ``text``, ``level`` a name of the logging module."""

    format: str = "json"
    level: str = "INFO"


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
        proxies: proxy variables of this process, passed on to run pods.
    """

    runner_image: str
    runner_image_pull_secrets: tuple[str, ...] = ()
    watch_namespaces: tuple[str, ...] = ()
    resync: timedelta = timedelta(seconds=300)
    hosts: HostRules = HostRules()
    log: LogSettings = LogSettings()
    metrics_port: int = 8080
    health_port: int = 8081
    leader_election: bool = False
    workers: int = 16
    proxies: tuple[tuple[str, str], ...] = ()

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
            "LOG_FORMAT",
            "LOG_LEVEL",
            "METRICS_PORT",
            "HEALTH_PORT",
            "LEADER_ELECTION",
            "WORKERS",
        }
        for name in sorted(env):
            if name.startswith(_PREFIX) and name.removeprefix(_PREFIX) not in known:
                listed = ", ".join(_PREFIX + word for word in sorted(known))
                raise InvalidSettingsError(f"{name}: unknown setting; known are {listed}")
        return cls(
            runner_image=_required(env, _PREFIX + "RUNNER_IMAGE", "the image of the run pods"),
            runner_image_pull_secrets=_words(env, _PREFIX + "RUNNER_IMAGE_PULL_SECRETS"),
            watch_namespaces=_words(env, _PREFIX + "WATCH_NAMESPACES"),
            resync=timedelta(seconds=_number(env, _PREFIX + "RESYNC_SECONDS", 300, low=10, high=86_400)),
            hosts=_host_rules(env),
            log=_log(env, _PREFIX),
            metrics_port=_number(env, _PREFIX + "METRICS_PORT", 8080, low=0, high=65_535),
            health_port=_number(env, _PREFIX + "HEALTH_PORT", 8081, low=0, high=65_535),
            leader_election=_choice(env, _PREFIX + "LEADER_ELECTION", "false", ("true", "false")) == "true",
            workers=_number(env, _PREFIX + "WORKERS", 16, low=1, high=256),
            proxies=proxy_environment(env),
        )


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
    since: datetime | None = None
    retries: int = 0
    hosts: HostRules = HostRules()
    proxies: tuple[tuple[str, str], ...] = ()
    log: LogSettings = LogSettings(format="text")

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = environ) -> "RunnerSettings":
        """Read ``SYNC_*``, ``LOG_FORMAT`` and the controller's host rules.

        Raises:
            InvalidSettingsError: a variable is missing or cannot be used; names it.
        """
        sync_id = _required(env, "SYNC_ID", "the server's id of the sync to run")
        if not (sync_id.isascii() and sync_id.isdigit()):
            raise InvalidSettingsError(f"SYNC_ID: {sync_id!r} is not a string of digits")
        ca_file = env.get("SYNC_API_CA_FILE")
        timeout = env.get("SYNC_RUN_TIMEOUT")
        return cls(
            sync_id=sync_id,
            api_url=_required(env, "SYNC_API_URL", "the base URL of the sync server").rstrip("/"),
            dialect=_choice(env, "SYNC_API_DIALECT", "Multiwoven", ("Documented", "Multiwoven")),
            token_file=Path(_required(env, "SYNC_API_TOKEN_FILE", "the file that holds the API token")),
            workspace_id=env.get("SYNC_API_WORKSPACE_ID") or None,
            ca_file=Path(ca_file) if ca_file else None,
            max_failed_rows_percent=_percent(env, "SYNC_MAX_FAILED_ROWS_PERCENT"),
            timeout=_read(env, "SYNC_RUN_TIMEOUT", parse_duration) if timeout else None,
            run_name=env.get("SYNC_RUN_NAME", ""),
            since=_read(env, "SYNC_RUN_SINCE", _moment) if env.get("SYNC_RUN_SINCE") else None,
            retries=_number(env, "SYNC_RUN_RETRIES", 0, low=0, high=1000),
            hosts=_host_rules(env),
            proxies=proxy_environment(env),
            log=LogSettings(format=_choice(env, "LOG_FORMAT", "text", ("json", "text"))),
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
    """

    colour: bool = True
    url: str = ""
    workspace_id: str | None = None
    dialect: str = "Auto"
    token: str = field(default="", repr=False)
    ca_file: Path | None = None
    hosts: HostRules = HostRules()
    proxies: tuple[tuple[str, str], ...] = ()

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
            dialect=_choice(env, "SYNC_API_DIALECT", "Auto", ("Auto", "Documented", "Multiwoven")),
            token=env.get("SYNC_API_TOKEN", "").strip(),
            ca_file=Path(ca_file) if ca_file else None,
            hosts=_host_rules(env),
            proxies=proxy_environment(env),
        )


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


def _read[T](env: Mapping[str, str], name: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(env[name].strip())
    except ValueError as error:
        raise InvalidSettingsError(f"{name}: {error}") from None


def _moment(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise ValueError(f"{text!r} is not a time like 2026-01-02T03:04:05Z")
    return time


def _required(env: Mapping[str, str], name: str, meaning: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise InvalidSettingsError(f"{name}: not set; it must hold {meaning}")
    return value


def _words(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in env.get(name, "").split(",") if word.strip())


def _number(env: Mapping[str, str], name: str, default: int, *, low: int, high: int) -> int:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return _read(env, name, parse) if env.get(name) else default


def _percent(env: Mapping[str, str], name: str) -> float:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 100:  # noqa: PLR2004 (a percentage)
            raise ValueError(f"{text!r} is not a percentage from 0 to 100")
        return value

    return _read(env, name, parse) if env.get(name) else 0.0


def _choice(env: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    value = env.get(name) or default
    if value not in choices:
        raise InvalidSettingsError(f"{name}: {value!r} is not one of {', '.join(choices)}")
    return value


def _host_rules(env: Mapping[str, str]) -> HostRules:
    return HostRules(
        allowed=tuple(host.lower() for host in _words(env, _PREFIX + "ALLOWED_HOSTS")),
        insecure=tuple(host.lower() for host in _words(env, _PREFIX + "ALLOW_INSECURE_HOSTS")),
    )


def _log(env: Mapping[str, str], prefix: str) -> LogSettings:
    return LogSettings(
        format=_choice(env, prefix + "LOG_FORMAT", "json", ("json", "text")),
        level=_choice(env, prefix + "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
    )
