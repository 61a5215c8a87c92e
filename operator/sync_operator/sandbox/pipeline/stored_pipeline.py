"""The rows of connectors and models as the control API shows them, and takes them back."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sync_operator.sandbox.pipeline.records import StoredCatalog, StoredConnector, StoredModel
from sync_operator.sandbox.state import Store

__all__ = ["pipeline_rows", "replace_pipeline"]


def pipeline_rows(store: Store) -> dict[str, Any]:
    """Every connector, with its secrets in clear text and its stored catalog (null: missing), and every model."""
    return {
        "connectors": [
            _with_texts(asdict(row)) | {"streams": _streams(store.catalogs.get(row.id))}
            for row in store.connectors.values()
        ],
        "models": [_with_texts(asdict(row)) for row in store.models.values()],
    }


def replace_pipeline(store: Store, body: Mapping[str, Any]) -> None:
    """Put these connectors and models in the place of all that are stored, each where it is given."""
    if "connectors" in body:
        store.connectors.clear()
        store.catalogs.clear()
        for entry in body["connectors"]:
            fields = _with_times(store, entry)
            streams = fields.pop("streams", None)
            connector = store.add_connector(StoredConnector(**fields))
            if streams is not None:
                row = StoredCatalog(store.new_id("catalogs"), streams, any_stream=connector.any_stream)
                store.catalogs[connector.id] = row
    if "models" in body:
        store.models.clear()
        for entry in body["models"]:
            store.add_model(StoredModel(**_with_times(store, entry)))


def _streams(catalog: StoredCatalog | None) -> list[Any] | None:
    return list(catalog.streams) if catalog else None


def _with_texts(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _with_times(store: Store, entry: Mapping[str, Any]) -> dict[str, Any]:
    now = store.clock()
    times = {name: entry.get(name) for name in ("created_at", "updated_at")}
    return {**entry, **{name: datetime.fromisoformat(text) if text else now for name, text in times.items()}}
