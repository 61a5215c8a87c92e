"""Rules for ``spec.run.pod``: reject in the Sync what Kubernetes would reject in the CronJob, before the registration.

The rules are those of the API server for a pod template: names of labels and resources, which fields of a toleration
go together, and requests compared with limits.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

from sync_operator.api.kinds.run import PodSpec, Resources, Toleration
from sync_operator.api.kinds.sync import SyncSpec
from sync_operator.api.rules.cel import CelReason, Rule
from sync_operator.api.rules.quantity import parse_quantity

__all__ = ["POD_RULES"]

_POD: Final = "spec.run.pod"
_RESOURCES: Final = f"{_POD}.resources"
_TOLERATIONS: Final = f"{_POD}.tolerations"
_PLAIN_NAME: Final = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_QUALIFIED: Final = f"({_DOMAIN}/)?{_PLAIN_NAME}"
_MAX_DOMAIN: Final = 253
_MAX_RESOURCE_DOMAIN: Final = _MAX_DOMAIN - len("requests.")
_NAME_HELP: Final = "letters, digits, '-', '_' and '.', at most 63, after an optional domain and '/'"
_STANDARD: Final = ("cpu", "memory", "ephemeral-storage")
_HUGE_PAGES: Final = "hugepages-"

type _Kind = Literal["requests", "limits"]


def _is_qualified(name: str, longest: int = _MAX_DOMAIN) -> bool:
    return re.fullmatch(_QUALIFIED, name) is not None and name.find("/") <= longest


def _pod_rule(
    field: str,
    cel: str,
    message: str,
    predicate: Callable[[PodSpec], bool],
    *,
    reason: CelReason = CelReason.INVALID,
) -> Rule[SyncSpec]:
    return Rule(field, field, cel, message, reason, lambda spec: predicate(spec.run.pod))


def _keys(field: str, keys: Callable[[PodSpec], Iterable[str]], *, lower: bool = False) -> Rule[SyncSpec]:
    """Keys of a map must be qualified names; with ``lower`` in any letter case, as Kubernetes takes annotation keys."""
    key = "key.lowerAscii()" if lower else "key"
    return _pod_rule(
        f"{_POD}.{field}",
        f"self.all(key, {key}.matches(r'^{_QUALIFIED}$') && key.indexOf('/') <= {_MAX_DOMAIN})",
        f"has a key that Kubernetes does not take; a key is {_NAME_HELP}",
        lambda pod: all(_is_qualified(key.lower() if lower else key) for key in keys(pod)),
    )


def _toleration(cel: str, message: str, predicate: Callable[[Toleration], bool]) -> Rule[SyncSpec]:
    return _pod_rule(
        _TOLERATIONS, f"self.all(one, {cel})", message, lambda pod: all(predicate(one) for one in pod.tolerations)
    )


_KEY_GIVEN: Final = "(has(one.key) && one.key != '')"
_EXISTS: Final = "(has(one.operator) && one.operator == 'Exists')"
_VALUE_GIVEN: Final = "(has(one.value) && one.value != '')"

_TOLERATION_RULES: Final = (
    _toleration(
        f"!{_KEY_GIVEN} || (one.key.matches(r'^{_QUALIFIED}$') && one.key.indexOf('/') <= {_MAX_DOMAIN})",
        f"has an item whose key Kubernetes does not take; a key is {_NAME_HELP}",
        lambda one: not one.key or _is_qualified(one.key),
    ),
    _toleration(
        f"{_KEY_GIVEN} || {_EXISTS}",
        "has an item without a key, which needs operator Exists; name the taint's key, or add operator: Exists",
        lambda one: bool(one.key) or one.operator == "Exists",
    ),
    _toleration(
        f"!{_EXISTS} || !{_VALUE_GIVEN}",
        "has an item with operator Exists and a value, which Exists does not compare; remove the value, or use Equal",
        lambda one: one.operator != "Exists" or not one.value,
    ),
    _toleration(
        f"!{_VALUE_GIVEN} || one.value.matches(r'^{_PLAIN_NAME}$')",
        "has an item whose value is none of a label; a value is letters, digits, '-', '_' and '.', at most 63",
        lambda one: not one.value or re.fullmatch(_PLAIN_NAME, one.value) is not None,
    ),
    _toleration(
        "!has(one.tolerationSeconds) || (has(one.effect) && one.effect == 'NoExecute')",
        "has an item with tolerationSeconds, which needs effect NoExecute; add the effect, or remove the seconds",
        lambda one: one.toleration_seconds is None or one.effect == "NoExecute",
    ),
)


def _quantities(resources: Resources | None, kind: _Kind) -> Mapping[str, int | str]:
    return (getattr(resources, kind) if resources is not None else None) or {}


def _is_extended(name: str) -> bool:
    """True for an extended resource, such as a device: its name has a domain that is not Kubernetes' own."""
    return "/" in name and "kubernetes.io/" not in name


def _is_resource(name: str) -> bool:
    if "/" not in name:
        return name in _STANDARD or (name.startswith(_HUGE_PAGES) and _is_qualified(name))
    return _is_qualified(name, _MAX_RESOURCE_DOMAIN) and not (_is_extended(name) and name.startswith("requests."))


_EXTENDED: Final = "(name.contains('/') && !name.contains('kubernetes.io/'))"
_STRICT: Final = f"({_EXTENDED} || name.startsWith('{_HUGE_PAGES}'))"
_NAMED: Final = (
    f"(name.contains('/') ? (name.indexOf('/') <= {_MAX_RESOURCE_DOMAIN} && !({_EXTENDED} && "
    f"name.startsWith('requests.'))) : (name in {list(_STANDARD)} || name.startsWith('{_HUGE_PAGES}')))"
)


def _is_strict(name: str) -> bool:
    """True for a resource without overcommit (extended resource, huge pages): its request must equal its limit."""
    return _is_extended(name) or name.startswith(_HUGE_PAGES)


def _value(kind: str) -> str:
    return f"quantity(string(self.{kind}[name]))"


def _is_quantity(kind: str) -> str:
    """CEL that is true if the amount is a quantity; of others, ``quantity()`` fails and the rule's message is lost."""
    return f"isQuantity(string(self.{kind}[name]))"


def _resource(kind: _Kind, cel: str, message: str, predicate: Callable[[str, int | str], bool]) -> Rule[SyncSpec]:
    """A rule that is checked for each amount on its own."""
    return Rule(
        _RESOURCES,
        f"{_RESOURCES}.{kind}",
        f"!has(self.{kind}) || self.{kind}.all(name, {cel})",
        message,
        predicate=lambda spec: all(predicate(*item) for item in _quantities(spec.run.pod.resources, kind).items()),
    )


def _is_whole(name: str, value: int | str) -> bool:
    found = parse_quantity(value)
    return not _is_extended(name) or found is None or found == found.to_integral_value()


def _each(kind: _Kind) -> tuple[Rule[SyncSpec], ...]:
    return (
        _resource(
            kind,
            f"name.matches(r'^{_QUALIFIED}$') && {_NAMED}",
            "has a resource that a container cannot have; write cpu, memory, ephemeral-storage, hugepages-SIZE, or a "
            "device's whole name, such as nvidia.com/gpu",
            lambda name, _: _is_resource(name),
        ),
        _resource(
            kind,
            _is_quantity(kind),
            "has an amount that Kubernetes cannot read; write a number, and right behind it a unit such as m, Mi or Gi "
            "where one is needed: 2, 500m, 128Mi",
            lambda _, value: parse_quantity(value) is not None,
        ),
        _resource(
            kind,
            f"!{_is_quantity(kind)} || !{_value(kind)}.isLessThan(quantity('0'))",
            "has an amount below zero; write how much is needed, or remove it",
            lambda _, value: (parse_quantity(value) or 0) >= 0,
        ),
        _resource(
            kind,
            f"!{_EXTENDED} || !{_is_quantity(kind)} || "
            f"{_value(kind)}.asApproximateFloat() == double(int({_value(kind)}.asApproximateFloat()))",
            "has a part of a device, of which there are whole ones only; write a whole number",
            _is_whole,
        ),
    )


def _pairs(holds: Callable[[str, int | str, int | str | None], bool]) -> Callable[[SyncSpec], bool]:
    """A predicate on a spec from a check of each (name, request, limit or None)."""

    def hold(spec: SyncSpec) -> bool:
        requests, limits = (_quantities(spec.run.pod.resources, kind) for kind in ("requests", "limits"))
        return all(holds(name, value, limits.get(name)) for name, value in requests.items())

    return hold


def _within_limit(_: str, request: int | str, limit: int | str | None) -> bool:
    wanted, most = parse_quantity(request), parse_quantity(limit)
    return limit is None or wanted is None or most is None or wanted <= most


def _equals_limit(name: str, request: int | str, limit: int | str | None) -> bool:
    return not _is_strict(name) or (limit is not None and parse_quantity(request) == parse_quantity(limit))


def _has_cpu_or_memory(spec: SyncSpec) -> bool:
    names = {name for kind in ("requests", "limits") for name in _quantities(spec.run.pod.resources, kind)}
    return not any(name.startswith(_HUGE_PAGES) for name in names) or bool(names & {"cpu", "memory"})


_BOTH: Final = "[has(self.requests) ? self.requests : {}, has(self.limits) ? self.limits : {}]"
_RESOURCE_RULES: Final = (
    *_each("requests"),
    *_each("limits"),
    Rule(
        _RESOURCES,
        f"{_RESOURCES}.requests",
        "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) || "
        f"!{_is_quantity('requests')} || !{_is_quantity('limits')} || "
        f"{_value('requests')}.compareTo({_value('limits')}) <= 0)",
        "asks for more than its limit; lower the request, or raise the limit of the same name",
        predicate=_pairs(_within_limit),
    ),
    Rule(
        _RESOURCES,
        f"{_RESOURCES}.limits",
        f"!has(self.requests) || self.requests.all(name, !{_STRICT} || (has(self.limits) && name in self.limits && "
        f"(!{_is_quantity('requests')} || !{_is_quantity('limits')} || "
        f"{_value('requests')}.compareTo({_value('limits')}) == 0)))",
        "must have each device and hugepages-SIZE of requests, and as much of it; add it here, or remove the request",
        predicate=_pairs(_equals_limit),
    ),
    Rule(
        _RESOURCES,
        _RESOURCES,
        f"!{_BOTH}.exists(amounts, amounts.exists(name, name.startsWith('{_HUGE_PAGES}'))) || "
        f"{_BOTH}.exists(amounts, 'cpu' in amounts || 'memory' in amounts)",
        "has hugepages, which need cpu or memory beside them; add one of the two",
        predicate=_has_cpu_or_memory,
    ),
)

POD_RULES: Final[tuple[Rule[SyncSpec], ...]] = (
    _keys("labels", lambda pod: pod.labels),
    _keys("annotations", lambda pod: pod.annotations, lower=True),
    _keys("nodeSelector", lambda pod: pod.node_selector),
    *_TOLERATION_RULES,
    *_RESOURCE_RULES,
)
"""Rules for ``spec.run.pod`` beyond the schema of its single fields."""
