"""What all models share: frozen, camelCase outside and snake_case inside, and the types they are made of."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StrictBool, StrictInt
from pydantic.alias_generators import to_camel

from sync_operator.durations import parse_duration

__all__ = [
    "DNS_NAME",
    "DnsName",
    "Duration",
    "Flag",
    "Model",
    "SecretKey",
    "ServerId",
    "Time",
    "Whole",
    "one_spelling",
    "rfc3339",
]

DNS_NAME: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"


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


def _whole_seconds(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("has no time zone; write it like 2026-01-31T12:00:00Z")
    return moment.astimezone(UTC).replace(microsecond=0)


def _longer_than_nothing(text: str) -> str:
    parse_duration(text)
    return text


def one_spelling(number: str) -> str:
    """An id of the API as the server reads it: to it ``00001`` is 1. What is no string of digits stays as it is."""
    return str(int(number)) if number.isascii() and number.isdigit() else number


type Time = Annotated[datetime, AfterValidator(_whole_seconds), PlainSerializer(rfc3339, when_used="json")]
"""Aware, UTC, whole seconds: what survives being written and read again."""

type Duration = Annotated[str, Field(min_length=2, max_length=20), AfterValidator(_longer_than_nothing)]
"""Go's notation in hours, minutes and seconds, as `sync_operator.durations` reads it."""

type Flag = StrictBool
type Whole = StrictInt
type ServerId = Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[0-9]+$"), AfterValidator(one_spelling)]
"""A number of the API that is only ever passed on, kept as a string of digits, without leading zeros."""
type DnsName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_NAME)]
"""The name of an object of the cluster."""
type SecretKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
"""A key in the data of a Secret."""
