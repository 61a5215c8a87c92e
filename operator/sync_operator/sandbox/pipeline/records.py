"""Rows of connectors, catalogs and models, as the server stores them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

__all__ = ["SAMPLE_CONFIGURATION", "DiscoverOutcome", "QueryOutcome", "StoredCatalog", "StoredConnector", "StoredModel"]

SAMPLE_CONFIGURATION: Final[Mapping[str, Any]] = {
    "data_type": "structured",
    "host": "db.example.com",
    "port": "5432",
    "database": "shop",
    "schema": "public",
    "credentials": {"auth_type": "username/password", "username": "reader", "password": "sample"},
}
"""What the definition ``Postgresql`` accepts, as a source and as a destination."""


@dataclass(frozen=True, slots=True)
class StoredConnector:
    """A connector; without further fields, one that a test has only named.

    Attributes:
        kind: ``source`` or ``destination`` (``connector_type``).
        workspace_id: its workspace; None for those that exist from the start, in every workspace.
        definition: name of its definition (``connector_name``).
        configuration: as sent, with its secrets.
        any_stream: its catalog accepts every stream name, so that a test need not care.
    """

    id: int
    kind: str
    name: str
    updated_at: datetime
    workspace_id: int | None = None
    definition: str = "Postgresql"
    configuration: Mapping[str, Any] = field(default_factory=lambda: SAMPLE_CONFIGURATION)
    description: str | None = None
    created_at: datetime | None = None
    any_stream: bool = True


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model; without further fields, one that a test has only named.

    Attributes:
        workspace_id: its workspace; None for those that exist from the start, in every workspace.
        connector_id: the source that it reads from.
    """

    id: int
    name: str
    updated_at: datetime
    workspace_id: int | None = None
    connector_id: int = 1
    query: str | None = "SELECT * FROM orders"
    query_type: str = "raw_sql"
    primary_key: str | None = "id"
    configuration: Mapping[str, Any] | None = None
    description: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredCatalog:
    """The catalog of a connector: one row, which a refresh replaces.

    Attributes:
        streams: each an object with ``name``.
        any_stream: a sync may name any stream.
    """

    id: int
    streams: Sequence[Mapping[str, Any]]
    any_stream: bool = False

    def accepts(self, name: object) -> bool:
        """True if a sync may write to this stream."""
        return self.any_stream or any(stream["name"] == name for stream in self.streams)

    def writes_in_batches(self, name: object) -> bool:
        """True if this stream is written in batches."""
        return any(stream["name"] == name and stream.get("batch_support") for stream in self.streams)


@dataclass(frozen=True, slots=True)
class DiscoverOutcome:
    """How the next discover of a connector goes, once it asks the live system.

    Attributes:
        failure: ``swallowed`` (422: the connector hides the error), ``raised`` (400 E2), or empty.
        seconds: how long it takes.
    """

    failure: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class QueryOutcome:
    """What a source answers to each query.

    Attributes:
        rows: column → value.
        error: the source's own words; empty if the query succeeds.
    """

    rows: Sequence[Mapping[str, Any]] = ()
    error: str = ""
