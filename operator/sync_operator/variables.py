"""The environment variables that users set: meaning, default and bounds of each. `settings` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = [
    "CONTROLLER_COUNTS",
    "CONTROLLER_PREFIX",
    "CONTROLLER_VARIABLES",
    "RENAMED_VARIABLES",
    "TOOL_VARIABLES",
    "IntegerVariable",
    "Variable",
]

CONTROLLER_PREFIX: Final = "SYNC_OPERATOR_"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable.

    Attributes:
        meaning: description for the documentation, in Markdown.
        default: description of the default, in Markdown.
    """

    meaning: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class IntegerVariable(Variable):
    """An integer variable.

    Attributes:
        default_value: the value when it is not set.
        minimum: lowest value that is accepted.
        maximum: highest value that is accepted.
    """

    default_value: int = 0
    minimum: int = 0
    maximum: int = 65_535


CONTROLLER_COUNTS: Final[Mapping[str, IntegerVariable]] = {
    "RELIST_SECONDS": IntegerVariable(
        "how often the cluster's objects are listed in full, and Syncs are compared with their servers, in seconds",
        default_value=300,
        minimum=10,
        maximum=86_400,
    ),
    "METRICS_PORT": IntegerVariable("port of `/metrics`; 0 takes a free one", default_value=8080),
    "HEALTH_PORT": IntegerVariable("port of `/healthz` and `/readyz`; 0 takes a free one", default_value=8081),
    "WORKERS": IntegerVariable(
        "how many reconciles run in parallel; one that waits for a server for longer than two seconds is not counted",
        default_value=16,
        minimum=1,
        maximum=256,
    ),
    "CREATE_SETTLE_SECONDS": IntegerVariable(
        "how long after a create without an answer the server may still carry it out; less than 300 is for tests",
        default_value=300,
        minimum=1,
        maximum=3600,
    ),
    "RUN_START_SECONDS": IntegerVariable(
        "how long the Job of a run, or its pod, may take to start before the Sync reports `RunNotStarted` or "
        "`RunMissed`; set it higher where nodes are added for each run",
        default_value=120,
        minimum=1,
        maximum=86_400,
    ),
}
"""Integer variables of the controller, by their name without the prefix."""

RENAMED_VARIABLES: Final[Mapping[str, str]] = {"RESYNC_SECONDS": "RELIST_SECONDS"}
"""Variables of the controller that had another name: old and new name without the prefix. The old one is refused."""

CONTROLLER_VARIABLES: Final[Mapping[str, Variable]] = {
    **CONTROLLER_COUNTS,
    "RUNNER_IMAGE": Variable("image of the run pods: the same as the controller's", "required"),
    "RUNNER_IMAGE_PULL_SECRETS": Variable("names of pull secrets for run pods, separated by commas", "none"),
    "WATCH_NAMESPACES": Variable("namespaces to serve, separated by commas", "all"),
    "ALLOWED_HOSTS": Variable(
        "the only sync servers that requests may go to, separated by commas: names, `*.example.com` for every name "
        "below it, addresses and networks, each with `:PORT` to allow one port only",
        "any",
    ),
    "ALLOW_INSECURE_HOSTS": Variable("sync servers that may be reached by plain http", "none"),
    "ALLOW_INTERNAL_HOSTS": Variable(
        "sync servers whose address may be a loopback address or one of the cluster's own", "none"
    ),
    "CLUSTER_NETWORKS": Variable("networks of the cluster's Services, pods and nodes, such as `10.96.0.0/12`", "none"),
    "POD_IPS": Variable("addresses of the operator's own pod", "none"),
    "RUN_POD_SERVICE_ACCOUNTS": Variable(
        "service accounts that `spec.run.pod` may name beside `default`; `*`: any", "none"
    ),
    "RUN_POD_PRIORITY_CLASSES": Variable(
        "priority classes that `spec.run.pod` may name; `*`: any but `system-…`", "none"
    ),
    "RUN_POD_LABEL_PREFIXES": Variable(
        "how keys of labels in `spec.run.pod` may begin, such as `team.example.com/`; `*`: any", "none"
    ),
    "RUN_POD_ANNOTATION_PREFIXES": Variable("the same for annotations", "none"),
    "RUN_POD_CONTROL_PLANE": Variable("`true`: run pods may ask for control-plane nodes", "`false`"),
    "REQUIRE_SECRET_LABEL": Variable(
        '`true`: `configurationSecrets` reads only Secrets with the label `squared.ai/allow-sync: "true"`', "`false`"
    ),
    "RUNNER_POD_DEFAULTS": Variable(
        "what every run pod gets, a JSON object: `resources`, `nodeSelector`, `tolerations`, `affinity`, `labels`, "
        "`annotations`, `priorityClassName`. `spec.run.pod` of a Sync overrides it",
        "`{}`",
    ),
    "RUNNER_PROXY_SECRET": Variable(
        "name of a Secret, in each namespace of Syncs, with the proxies of run pods", "none"
    ),
    "LOG_FORMAT": Variable("`json` or `text`", "`json`"),
    "LOG_LEVEL": Variable("`DEBUG`, `INFO`, `WARNING` or `ERROR`", "`INFO`"),
    "LEADER_ELECTION": Variable("`true` for several replicas: one acts, the others stand by", "`false`"),
}
"""All variables of the controller, by their name without the prefix. Any other with that prefix stops its start."""

TOOL_VARIABLES: Final[Mapping[str, Variable]] = {
    "SYNC_API_TOKEN": Variable(
        "a token, used instead of the Secret's. It is sent only to the server of `SYNC_API_URL`, or, without that "
        "variable, only when all Workspaces of the input name one server",
        "none",
    ),
    "SYNC_API_URL": Variable("the server, for Workspaces that are not in the input", "none"),
    "SYNC_API_WORKSPACE_ID": Variable("the workspace on that server", "none"),
    "SYNC_API_DIALECT": Variable("`Auto`, `Documented` or `Multiwoven`", "`Auto`"),
    "SYNC_API_CA_FILE": Variable("file with the certificates to trust for that server", "the system's"),
    "NO_COLOR": Variable("any value turns colours off", "colours on a terminal"),
}
"""Variables of `validate`, `plan` and `export`, beside proxies and the controller's lists of hosts and pod rules."""
