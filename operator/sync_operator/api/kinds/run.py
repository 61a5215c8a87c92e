"""``spec.run`` and ``spec.freshness`` of a Sync: how its runs are carried out and what is expected of them."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictFloat, StrictInt

from sync_operator.api.base import DnsName, Duration, JsonInt, Model
from sync_operator.api.field_patterns import LABEL, QUANTITY

__all__ = [
    "FreshnessSpec",
    "ImagePullSecret",
    "PodDefaults",
    "PodSpec",
    "Resources",
    "RunSpec",
    "Toleration",
]

type _Label = Annotated[str, Field(max_length=63, pattern=LABEL)]
type _Labels = Annotated[dict[str, _Label], Field(max_length=32)]
type _AnnotationValue = Annotated[str, Field(max_length=4096)]
type _QuantityString = Annotated[str, Field(max_length=32, pattern=QUANTITY)]
type _Quantity = Annotated[StrictInt | _QuantityString, Field(union_mode="smart")]
type _Quantities = Annotated[dict[str, _Quantity], Field(max_length=16)]


class Resources(Model):
    """Resource requests and limits of a container, as in a pod."""

    requests: _Quantities | None = None
    """What the pod is scheduled by, such as `cpu: 50m` and `memory: 64Mi`."""
    limits: _Quantities | None = None
    """What the container may use at most, such as `memory: 128Mi`."""


class Toleration(Model):
    """One toleration, as in a pod."""

    key: Annotated[str, Field(max_length=317)] | None = None
    """Key of the taint; left out, with operator `Exists`, it means every key."""
    operator: Literal["Exists", "Equal"] | None = None
    """How key and value are compared: `Equal` (the default) or `Exists`."""
    value: Annotated[str, Field(max_length=63)] | None = None
    """Value of the taint, with operator `Equal`."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; left out, it means every effect."""
    toleration_seconds: Annotated[JsonInt, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    """With effect `NoExecute`: how many seconds the pod stays; left out, for ever."""


class ImagePullSecret(Model):
    """A Secret with credentials for an image registry."""

    name: DnsName
    """Name of a Secret of type kubernetes.io/dockerconfigjson in the same namespace."""


class PodSpec(Model):
    """What the platform asks of run pods beyond the operator's own, restricted, template."""

    resources: Resources | None = None
    """Resource requests and limits of the run's container."""
    node_selector: _Labels = Field(default_factory=dict)
    """Labels that a node must have to run it."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] = ()
    """Taints of nodes that run pods tolerate."""
    service_account_name: DnsName | None = None
    """Service account of run pods, one that the operator allows; its token is never mounted."""
    labels: _Labels = Field(default_factory=dict)
    """Further labels of run pods, with keys that the operator allows; its own win."""
    annotations: Annotated[dict[str, _AnnotationValue], Field(max_length=32)] = Field(default_factory=dict)
    """Further annotations of run pods, with keys that the operator allows; its own win."""
    image_pull_secrets: Annotated[tuple[ImagePullSecret, ...], Field(max_length=16)] = ()
    """Secrets to pull the image with, beside those that the operator gives to every run pod."""
    priority_class_name: DnsName | None = None
    """Priority class of run pods, one that the operator allows."""


class PodDefaults(Model):
    """What whoever runs the operator gives to all run pods; a Sync's ``run.pod`` goes over it, field by field."""

    resources: Resources | None = None
    node_selector: _Labels = Field(default_factory=dict)
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] = ()
    affinity: dict[Literal["nodeAffinity", "podAffinity", "podAntiAffinity"], dict[str, Any]] = Field(
        default_factory=dict
    )
    labels: _Labels = Field(default_factory=dict)
    annotations: Annotated[dict[str, _AnnotationValue], Field(max_length=32)] = Field(default_factory=dict)
    priority_class_name: DnsName | None = None


class RunSpec(Model):
    """How runs are started, watched and judged. None of it is sent to the server."""

    timeout: Duration | None = None
    """How long a run may take, such as `2h30m`; a longer one is canceled on the server and counts as failed. Left out,
    it may take as long as it takes."""
    retries: Annotated[JsonInt, Field(ge=0, le=100)] = 0
    """How often a failed run is started again before its Job counts as failed."""
    start_timeout: Duration | None = None
    """How long a run may take to start, such as `15m`: where none of its pods has run by then (a quota, a node, an
    image), it counts as failed. Left out, it may wait as long as it has to; after two minutes RunsHealthy says why."""
    starting_deadline_seconds: Annotated[JsonInt, Field(ge=30, le=2**31 - 1)] = 300
    """A run that would start more than this many seconds late is skipped. Used where the schedule is a cron line;
    schedules of the form `@every` skip nothing."""
    successful_history: Annotated[JsonInt, Field(ge=0, le=100)] = 3
    """How many Jobs of successful runs are kept; of runs that were asked for as many again."""
    failed_history: Annotated[JsonInt, Field(ge=0, le=100)] = 3
    """How many Jobs of failed runs are kept; of runs that were asked for as many again."""
    max_failed_rows_percent: Annotated[StrictFloat, Field(ge=0, le=100)] = 0
    """How many percent of the rows the destination may refuse before the run counts as failed."""
    pod: PodSpec = PodSpec()
    """What run pods need beyond the operator's own template."""


class FreshnessSpec(Model):
    """A promise about the age of the data."""

    max_age: Duration
    """The longest time since the last successful run, such as `26h`; beyond it condition Fresh is False."""
