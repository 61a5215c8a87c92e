"""The API server's rules for ``metadata``; they are not in the CRDs, because they are the same for all objects."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StrictStr

from sync_operator.api.base import JsonInt, Model
from sync_operator.api.field_patterns import DNS_NAME

__all__ = ["MAX_ANNOTATION_BYTES", "ObjectMeta", "slug"]

_LABEL_LIMIT: Final = 63
_NAME_LIMIT: Final = 253
MAX_ANNOTATION_BYTES: Final = 256 * 1024
_DNS_NAME: Final = re.compile(DNS_NAME)
_QUALIFIED: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")


def slug(text: str, limit: int = _NAME_LIMIT) -> str:
    """A text converted to a valid Kubernetes name (lower case, digits, hyphens); empty if no character is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:limit].rstrip("-")


def _object_name(name: str) -> str:
    if _DNS_NAME.fullmatch(name) and len(name) <= _NAME_LIMIT:
        return name
    valid_name = slug(name)
    remedy = f", such as {valid_name!r}" if valid_name else ""
    raise ValueError(
        f"{name[:_LABEL_LIMIT]!r} is not a name that Kubernetes takes; write up to {_NAME_LIMIT} lower-case letters, "
        f"digits, '-' and '.', with a letter or digit at both ends{remedy}"
    )


@lru_cache(maxsize=1024)
def _namespace(name: str) -> str:
    if _DNS_NAME.fullmatch(name) and len(name) <= _LABEL_LIMIT and "." not in name:
        return name
    raise ValueError(
        f"{name[:_LABEL_LIMIT]!r} is not a namespace; write up to {_LABEL_LIMIT} lower-case letters, digits and '-'"
    )


@lru_cache(maxsize=1024)  # the keys and values of labels repeat in all objects
def _qualified(key: str) -> str:
    """Check a key of labels or annotations: a name with an optional prefix (DNS name and slash)."""
    prefix, slash, name = key.rpartition("/")
    if slash and not (_DNS_NAME.fullmatch(prefix) and len(prefix) <= _NAME_LIMIT):
        raise ValueError("has a key whose part before '/' is no DNS name; write it like example.com/team")
    if not (_QUALIFIED.fullmatch(name) and len(name) <= _LABEL_LIMIT):
        raise ValueError(
            f"has a key that Kubernetes does not take; write up to {_LABEL_LIMIT} letters, digits, '-', '_' and '.', "
            "with a letter or digit at both ends"
        )
    return key


def _annotation_key(key: str) -> str:
    # The API server converts these to lower case before it checks them.
    _qualified(key.lower())
    return key


@lru_cache(maxsize=1024)
def _label(value: str) -> str:
    if value and not (_QUALIFIED.fullmatch(value) and len(value) <= _LABEL_LIMIT):
        raise ValueError(
            f"{value[:_LABEL_LIMIT]!r} is not a value of a label; write up to {_LABEL_LIMIT} letters, digits, '-', '_' "
            "and '.', with a letter or digit at both ends"
        )
    return value


def _not_too_much(annotations: dict[str, str]) -> dict[str, str]:
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > MAX_ANNOTATION_BYTES:
        raise ValueError("are longer than 256 KiB together; shorten them")
    return annotations


class OwnerReference(Model):
    """A reference to an owner of the object."""

    api_version: Annotated[StrictStr, Field(min_length=1)]
    kind: Annotated[StrictStr, Field(min_length=1)]
    name: Annotated[StrictStr, Field(min_length=1)]
    uid: Annotated[StrictStr, Field(min_length=1)]
    controller: bool | None = None
    block_owner_deletion: bool | None = None


type _Labels = dict[Annotated[StrictStr, AfterValidator(_qualified)], Annotated[StrictStr, AfterValidator(_label)]]
type _Annotations = Annotated[
    dict[Annotated[StrictStr, AfterValidator(_annotation_key)], StrictStr], AfterValidator(_not_too_much)
]


class ObjectMeta(Model):
    """The fields of ``metadata``; of those that the API server writes itself, only the type is checked."""

    name: Annotated[StrictStr, AfterValidator(_object_name)]
    namespace: Annotated[StrictStr, AfterValidator(_namespace)] | None = None
    labels: _Labels | None = None
    annotations: _Annotations | None = None
    generate_name: StrictStr | None = None
    finalizers: tuple[StrictStr, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: JsonInt | None = None
    generation: JsonInt | None = None
    resource_version: StrictStr | None = None
    self_link: StrictStr | None = None
    uid: StrictStr | None = None
    managed_fields: list[Any] | None = None
