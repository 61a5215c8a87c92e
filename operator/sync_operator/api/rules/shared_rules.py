"""Rules that several kinds have: an id or a reference, and fields that are fixed once something is registered."""

from operator import attrgetter
from typing import Any, Final

from sync_operator.api.rules.cel import CelReason, CelRule, Rule

__all__ = ["REGISTERED", "external_id_rule", "id_or_ref", "immutable", "immutable_id"]

REGISTERED: Final = "has(oldSelf.status) && has(oldSelf.status.id)"
"""CEL: the object was registered before this write."""


def id_or_ref(thing: str, kind: str) -> tuple[Rule[Any], ...]:
    """Exactly one of the two must be set, the id or the reference; and in the reference one of its two names.

    Args:
        thing: beginning of both field names, such as ``connector``.
        kind: what the reference names.
    """
    by_id, by_ref = f"{thing}Id", f"{thing}Ref"
    both, ref = attrgetter(f"{thing}_id", f"{thing}_ref"), attrgetter(f"{thing}_ref")
    return (
        Rule(
            at="spec",
            field=f"spec.{by_id}",
            cel=f"has(self.{by_id}) || has(self.{by_ref})",
            message=(
                f"is missing; set it, or {by_ref}.name to the name of a {kind} in this namespace, or "
                f"{by_ref}.serverName to a name that the server shows"
            ),
            reason=CelReason.REQUIRED,
            predicate=lambda spec: both(spec) != (None, None),
        ),
        Rule(
            at="spec",
            field=f"spec.{by_ref}",
            cel=f"!has(self.{by_id}) || !has(self.{by_ref})",
            message=f"cannot stand beside {by_id}; remove one of the two",
            reason=CelReason.FORBIDDEN,
            predicate=lambda spec: None in both(spec),
        ),
        Rule(
            at=f"spec.{by_ref}",
            field=f"spec.{by_ref}.name",
            cel="has(self.name) || has(self.serverName)",
            message=(
                f"is missing; set it to the name of a {kind} in this namespace, or set serverName to a name that the "
                "server shows"
            ),
            reason=CelReason.REQUIRED,
            predicate=lambda spec: ref(spec) is None or (ref(spec).name, ref(spec).server_name) != (None, None),
        ),
        Rule(
            at=f"spec.{by_ref}",
            field=f"spec.{by_ref}.serverName",
            cel="!has(self.name) || !has(self.serverName)",
            message="cannot stand beside name; remove one of the two",
            reason=CelReason.FORBIDDEN,
            predicate=lambda spec: ref(spec) is None or None in (ref(spec).name, ref(spec).server_name),
        ),
    )


def immutable(field: str, message: str, *, optional: bool = False) -> CelRule:
    """A field of the spec that keeps its value once the object is registered."""
    same = f"self.spec.{field} == oldSelf.spec.{field}"
    if optional:
        both = f"has(self.spec.{field}) == has(oldSelf.spec.{field})"
        same = f"{both} && (!has(self.spec.{field}) || {same})"
    return CelRule("", f"spec.{field}", f"!({REGISTERED}) || ({same})", message, CelReason.FORBIDDEN)


def immutable_id(field: str, message: str) -> CelRule:
    """An id that may only replace a reference that resolved to it; the reverse only the operator can check."""
    before, recorded = f"oldSelf.spec.{field}", f"oldSelf.status.{field}"
    same = f"self.spec.{field} == "
    return CelRule(
        "",
        f"spec.{field}",
        f"!({REGISTERED}) || !has(self.spec.{field}) || (has({before}) && {same}{before})"
        f" || (has({recorded}) ? {same}{recorded} : !has({before}))",
        message,
        CelReason.FORBIDDEN,
    )


def external_id_rule(noun: str, kind: str) -> CelRule:
    """``externalId`` names nothing else any more once the object is registered."""
    return CelRule(
        "",
        "spec.externalId",
        f"!({REGISTERED}) || !has(self.spec.externalId) || self.spec.externalId == oldSelf.status.id"
        " || (has(oldSelf.spec.externalId) && self.spec.externalId == oldSelf.spec.externalId)",
        f"can no longer name another {noun}, because this one is registered (status.id is set); remove it or set it to "
        f"status.id, or make another {kind} to take over the other",
        CelReason.FORBIDDEN,
    )
