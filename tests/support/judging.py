"""What `validate` says of a text, and the controller of a spec."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sync_operator.api import constants
from sync_operator.api.validation.strict_validation import (
    read_connector_spec,
    read_model_spec,
    read_sync_spec,
    read_workspace_spec,
)
from sync_operator.commands.input_files import Source
from sync_operator.commands.manifests.manifest_set import load_manifests
from sync_operator.commands.manifests.spans import YamlError
from sync_operator.commands.manifests.yaml_reader import Document, read_documents
from sync_operator.commands.validate.manifest_set_rules import Judged, judge_all
from sync_operator.domain.registration.json_pointer import with_secrets
from sync_operator.errors import InvalidSpecError
from sync_operator.schedule.effective_schedule import effective_schedule
from sync_operator.syncapi.http.blocked_hosts import check_url
from sync_operator.util.host_patterns import EgressPolicy

__all__ = ["NOW", "controller_takes", "documents_of", "judged"]

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def judged(*texts: str) -> Judged:
    """What `validate` finds in texts."""
    return judge_all(
        load_manifests([Source(f"{number}.yaml", text) for number, text in enumerate(texts)], "default"), NOW
    )


def documents_of(text: str) -> tuple[list[Document], YamlError | None]:
    """The documents of a text, and the first thing that keeps one from being read."""
    found = list(read_documents(text))
    broken = [entry for entry in found if isinstance(entry, YamlError)]
    return [entry for entry in found if isinstance(entry, Document)], broken[0] if broken else None


def controller_takes(kind: str, name: str, spec: Mapping[str, Any]) -> bool:
    """Whether the controller would go on with a spec that the API server took."""
    try:
        match kind:
            case constants.SYNC_KIND:
                sync = read_sync_spec(spec)
                effective_schedule(sync, "default", name)
                with_secrets(sync.configuration, {entry.pointer: "" for entry in sync.configuration_secrets})
            case constants.CONNECTOR_KIND:
                connector = read_connector_spec(spec)
                with_secrets(connector.configuration, {entry.pointer: "" for entry in connector.configuration_secrets})
            case constants.MODEL_KIND:
                read_model_spec(spec)
            case _:
                policy = EgressPolicy(insecure=("*",), internal=("0.0.0.0/0", "::/0"))
                check_url(read_workspace_spec(spec).url, policy)
    except InvalidSpecError:
        return False
    return True
