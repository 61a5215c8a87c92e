"""Checks one Workspace, Connector or Model; Syncs are checked in `sync_checks`."""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Final

from sync_operator.api.kinds.connector import ConnectorSpec
from sync_operator.api.kinds.model import ModelSpec
from sync_operator.api.kinds.workspace import WorkspaceSpec
from sync_operator.api.validation.warning_rules import spec_warnings
from sync_operator.commands.diagnostics import Diagnostic, Severity
from sync_operator.commands.manifests.manifest_set import Manifest
from sync_operator.commands.validate.checks.object_checks import (
    Checked,
    invalid,
    pointer_problems,
    read_object,
    warnings_about,
)
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.http.blocked_hosts import check_url
from sync_operator.syncapi.pipeline.definitions import DefinitionSet
from sync_operator.util.host_patterns import EgressPolicy

__all__ = ["check_connector", "check_model", "check_workspace"]

_ALL_LISTED: Final = EgressPolicy(insecure=("*",), internal=("0.0.0.0/0", "::/0"))
"""The hosts that an operator without restrictions allows."""
_NONE_LISTED: Final = EgressPolicy()


def check_workspace(manifest: Manifest, hosts: EgressPolicy = _NONE_LISTED) -> Checked[WorkspaceSpec]:
    """Check a Workspace.

    Args:
        manifest: the Workspace.
        hosts: the operator's host rules, as far as they are known here; a URL that they may refuse gets a warning.
    """
    spec, problems, _ = read_object(manifest, WorkspaceSpec)
    if spec is not None:
        problems += _url_problems(manifest, spec.url, hosts)
    return Checked(manifest, tuple(problems), spec)


def check_connector(manifest: Manifest, definitions: DefinitionSet | None = None) -> Checked[ConnectorSpec]:
    """Check a Connector.

    Args:
        manifest: the Connector.
        definitions: of its server; None if they are not known.
    """
    spec, problems, is_read = read_object(manifest, ConnectorSpec)
    if spec is not None and is_read:
        pointers = (entry.pointer for entry in spec.configuration_secrets)
        misplaced = list(pointer_problems(manifest, spec.configuration, pointers))
        problems += misplaced
        if definitions is not None and not misplaced:
            problems += _definition_check()(manifest, spec, definitions)
        problems += warnings_about(manifest, spec_warnings(spec))
    return Checked(manifest, tuple(problems), spec)


def check_model(manifest: Manifest) -> Checked[ModelSpec]:
    """Check a Model."""
    spec, problems, is_read = read_object(manifest, ModelSpec)
    if spec is not None and is_read:
        problems += warnings_about(manifest, spec_warnings(spec))
    return Checked(manifest, tuple(problems), spec)


@cache
def _definition_check() -> Callable[[Manifest, ConnectorSpec, DefinitionSet], Iterator[Diagnostic]]:
    """The check against definitions; the library that it needs takes a tenth of the command's start."""
    module = import_module("sync_operator.commands.validate.checks.definition_checks")
    check: Callable[[Manifest, ConnectorSpec, DefinitionSet], Iterator[Diagnostic]] = module.definition_problems
    return check


def _url_problems(manifest: Manifest, url: str, hosts: EgressPolicy) -> Iterator[Diagnostic]:
    """An error for a URL that the controller always refuses, a warning for one that its settings must allow."""
    for rules, severity in ((_ALL_LISTED, Severity.ERROR), (hosts, Severity.WARNING)):
        try:
            check_url(url, rules)
        except InvalidSpecError as error:
            yield invalid(manifest, error, severity)
            return
