"""Base class and field types of all models: frozen, with camelCase names in JSON and snake_case names in Python."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StrictBool, StrictInt
from pydantic.alias_generators import to_camel

from sync_operator.api.field_patterns import DIGITS, DNS_NAME, KEY, NOT_BLANK
from sync_operator.util.durations import parse_duration

__all__ = [
    "MAX_ENTRIES",
    "Description",
    "DnsName",
    "Duration",
    "JsonBool",
    "JsonInt",
    "MicroTime",
    "Model",
    "NumericId",
    "SecretKey",
    "ServerId",
    "ServerName",
    "Time",
    "normalized_id",
    "rfc3339",
    "rfc3339_fraction",
]

MAX_ENTRIES: Final = 1024
"""Entries that a configuration may have."""


class Model(BaseModel):
    """Base of everything read from or written to the cluster; attribute docstrings are what `kubectl explain` shows.

    Unknown fields are ignored here: the CRD refuses them where they are written, and an object may come from another
    release.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself, for it never changes: pydantic copies the defaults of fields for every object that it reads."""
        return self


def rfc3339(moment: datetime) -> str:
    """Write an aware time as Kubernetes does: UTC, whole seconds, ``Z``."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def rfc3339_fraction(moment: datetime) -> str:
    """Write an aware time like `rfc3339`, with its fraction of a second, if it has one."""
    if moment.microsecond == 0:
        return rfc3339(moment)
    unit = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=unit)}Z"


def _whole_seconds(moment: datetime) -> datetime:
    return _utc(moment).replace(microsecond=0)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("has no time zone; write it like 2026-01-31T12:00:00Z")
    return moment.astimezone(UTC)


def _check_duration(text: str) -> str:
    parse_duration(text)
    return text


def normalized_id(number: str) -> str:
    """An id of the API without leading zeros, as the server reads it; any other text is returned unchanged."""
    return str(int(number)) if number.isascii() and number.isdigit() else number


type Time = Annotated[datetime, AfterValidator(_whole_seconds), PlainSerializer(rfc3339, when_used="json")]
"""Aware, UTC, whole seconds: what survives being written and read again."""

type MicroTime = Annotated[datetime, AfterValidator(_utc), PlainSerializer(rfc3339_fraction, when_used="json")]
"""Aware, UTC, with a fraction of a second."""

type Duration = Annotated[str, Field(min_length=2, max_length=20), AfterValidator(_check_duration)]
"""Go's notation in hours, minutes and seconds, as `sync_operator.util.durations` reads it."""

type JsonBool = StrictBool
type JsonInt = StrictInt
"""A whole number in JSON, of any sign; fields add their bounds."""
type NumericId = Annotated[JsonInt, Field(ge=1, le=2**63 - 1)]
"""An id that the API takes as a number."""
type ServerId = Annotated[str, Field(min_length=1, max_length=20, pattern=DIGITS), AfterValidator(normalized_id)]
"""A number of the API that is only ever passed on, kept as a string of digits, without leading zeros."""
type DnsName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_NAME)]
"""The name of an object of the cluster."""
type SecretKey = Annotated[str, Field(min_length=1, max_length=253, pattern=KEY)]
"""A key in the data of a Secret."""
type ServerName = Annotated[str, Field(min_length=1, max_length=255, pattern=NOT_BLANK)]
"""The name of something on the server, as it shows it."""
type Description = Annotated[str, Field(max_length=4096)]
"""API field ``description``, without the line that the operator adds."""
