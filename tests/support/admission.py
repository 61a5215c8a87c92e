"""Admission policies and webhooks that touch the objects of one namespace alone."""

from typing import Any, Final

from tests.support.plane import Kube

__all__ = ["bind", "broken_webhook", "mutating", "validating"]

_API: Final = "admissionregistration.k8s.io/v1"
_RULE: Final = {"apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"]}


def mutating(name: str, resource: str, expression: str, *conditions: str) -> dict[str, Any]:
    """A policy that lays an apply configuration over what fits all conditions; all in CEL."""
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
    return _policy(
        "MutatingAdmissionPolicy", name, resource, conditions, mutations=[mutation], reinvocationPolicy="IfNeeded"
    )


def validating(name: str, resource: str, expression: str, message: str, *conditions: str) -> dict[str, Any]:
    """A policy that refuses what fits all conditions, unless the expression is true of it; all in CEL."""
    rule = {"expression": expression, "message": message}
    return _policy("ValidatingAdmissionPolicy", name, resource, conditions, validations=[rule])


def broken_webhook(name: str, resource: str, *conditions: str) -> dict[str, Any]:
    """A webhook that is asked about what fits all conditions, and at whose address nobody listens."""
    webhook = {
        "name": "absent.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [_rule(resource)],
        "matchConditions": _named(conditions),
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 1,
    }
    kind = "ValidatingWebhookConfiguration"
    return {"apiVersion": _API, "kind": kind, "metadata": {"name": name}, "webhooks": [webhook]}


def bind(kube: Kube, policy: dict[str, Any]) -> list[tuple[Any, str]]:
    """Put a policy in force, or a webhook; what is to be deleted in the end, by resource and name."""
    kind, name = policy["kind"], policy["metadata"]["name"]
    bodies = [policy]
    if kind.endswith("Policy"):
        actions = {"validationActions": ["Deny"]} if kind.startswith("Validating") else {}
        spec = {"policyName": name, **actions}
        bodies.append({"apiVersion": _API, "kind": f"{kind}Binding", "metadata": {"name": name}, "spec": spec})
    resources = [kube.resource(body["kind"], _API) for body in bodies]
    for resource, body in zip(resources, bodies, strict=True):
        resource.create(body=body)
    return [(resource, name) for resource in resources]


def _policy(kind: str, name: str, resource: str, conditions: tuple[str, ...], **spec: Any) -> dict[str, Any]:
    constraints = {"resourceRules": [_rule(resource)]}
    spec |= {"matchConstraints": constraints, "matchConditions": _named(conditions), "failurePolicy": "Fail"}
    return {"apiVersion": _API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _rule(resource: str) -> dict[str, Any]:
    return {**_RULE, "apiGroups": ["batch" if resource == "cronjobs" else ""], "resources": [resource]}


def _named(conditions: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"name": f"c{number}", "expression": expression} for number, expression in enumerate(conditions)]
