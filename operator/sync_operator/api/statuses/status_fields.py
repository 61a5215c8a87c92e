"""What the statuses of all kinds have in common: conditions, types of fields, how one is written and read back."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from sync_operator.api.base import JsonInt, Model, Time

__all__ = ["Condition", "Conditions", "Count", "Generation", "Line", "Text", "Word", "read_status", "to_dict"]

type Word = Annotated[str, Field(max_length=253)]
type Text = Annotated[str, Field(max_length=32768)]
type Line = Annotated[str, Field(max_length=1024)]
type Count = Annotated[JsonInt, Field(ge=0, le=2**63 - 1)]
type Generation = Annotated[JsonInt, Field(ge=-1, le=2**63 - 1)]


class Condition(Model):
    """One thing that is true or false about the resource, by the rules of kstatus."""

    type: Word
    """What it is about."""
    status: Annotated[str, Field(max_length=7, pattern=r"^(True|False|Unknown)$")]
    """`True`, `False` or `Unknown`."""
    observed_generation: Generation | None = None
    """The metadata.generation that it speaks of."""
    last_transition_time: Time
    """When `status` last changed."""
    reason: Word
    """Why, in one word; an event about the same change carries the same word."""
    message: Text = ""
    """Why, for people: what is wrong, where, and what to do next."""


type Conditions = Annotated[
    tuple[Condition, ...],
    Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]


def to_dict(status: Model) -> dict[str, Any]:
    """The status as it is written to the cluster: camelCase, JSON values, without what is unknown or empty."""
    written = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: value for name, value in written.items() if value != []}


def read_status[S: Model](model: type[S], obj: object) -> S:
    """Read a status as well as it goes: what another release or a person spoiled is left out, never an error."""
    if not isinstance(obj, Mapping):
        return model()
    try:
        return model.model_validate(dict(obj))
    except ValidationError as error:
        locations = [entry["loc"] for entry in error.errors(include_input=False, include_url=False)]
    kept = dict(obj)
    for key in {location[0] for location in locations}:
        bad = {location[1] for location in locations if location[0] == key and len(location) > 1}
        if isinstance(kept[key], list) and bad:
            kept[key] = [item for index, item in enumerate(kept[key]) if index not in bad]
        else:
            del kept[key]
    return model.model_validate(kept)
