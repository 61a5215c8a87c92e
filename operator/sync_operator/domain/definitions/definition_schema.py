"""Checks a configuration against the schema of its connector's definition, as the server does on every save. Pure.

The server's own refusal names no field. Messages here name the field, and what the schema asks for: never the value
that is there, which may be a secret.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from jsonschema import Draft7Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from sync_operator.api.validation.strict_validation import FieldPath, field_path
from sync_operator.domain.definitions.format_rules import is_email, is_uri
from sync_operator.errors import InvalidSpecError
from sync_operator.syncapi.pipeline.definitions import Definition
from sync_operator.util.bounds import one_line

__all__ = ["MAX_ERRORS", "schema_errors"]

MAX_ERRORS: Final = 10
"""Maximum number of errors that are told of one configuration."""
MAX_STEPS: Final = 10_000
"""Work that one check may take, in keywords and KiB that the library looks at: some tens of milliseconds."""
_MAX_SHOWN: Final = 200
_MAX_OFFERED: Final = 12
_BYTES_A_STEP: Final = 1024
_KINDS: Final[Mapping[str, str]] = {
    "object": "an object",
    "array": "a list",
    "string": "a string",
    "boolean": "true or false",
    "null": "null",
    "integer": "a whole number",
    "number": "a number",
}
_LIMITS: Final[Mapping[str, str]] = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} entries",
    "maxItems": "must have at most {} entries",
    "minProperties": "must have at least {} keys",
    "maxProperties": "must have at most {} keys",
}
_FORMATS: Final[Mapping[str, str]] = {
    "uri": "must be a URL with its scheme, such as https://example.com/path, without blanks",
    "email": "must be an e-mail address, such as name@example.com",
}


class _WorkLimitError(Exception):
    """The check takes more work than `MAX_STEPS`."""


@dataclass(slots=True)
class _Work:
    """The work of one check.

    Attributes:
        left: steps that are left.
        whole: steps that it takes to write the whole configuration, as the library does for errors.
    """

    left: int
    whole: int

    def spend(self, steps: int) -> None:
        """Count steps.

        Raises:
            _WorkLimitError: no more are left.
        """
        self.left -= steps
        if self.left < 0:
            raise _WorkLimitError


_WORK: ContextVar[_Work] = ContextVar("work")


def _counted(keyword: Callable[..., Any]) -> Callable[..., Iterator[ValidationError]]:
    """The library's check of a keyword, with its work counted."""

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        work = _WORK.get()
        work.spend(1)
        for error in keyword(validator, value, instance, schema) or ():
            is_short = isinstance(instance, str) and len(instance) < _BYTES_A_STEP
            work.spend(1 if is_short else work.whole)
            yield error

    return check


_FORMAT_CHECKER: Final = FormatChecker(formats=())
_FORMAT_CHECKER.checks("uri")(lambda value: not isinstance(value, str) or is_uri(value))
_FORMAT_CHECKER.checks("email")(lambda value: not isinstance(value, str) or is_email(value))
_Validator: Final = extend(  # type: ignore[no-untyped-call]
    Draft7Validator, {name: _counted(keyword) for name, keyword in Draft7Validator.VALIDATORS.items()}
)


def schema_errors(
    definition: Definition, configuration: Any, unknown: Collection[str] = ()
) -> tuple[InvalidSpecError, ...]:
    """What the server would refuse, each with its field; empty also where the check takes too much work.

    Args:
        definition: the connector's definition.
        configuration: as it is sent; or with any text in the place of each value that is not known.
        unknown: JSON pointers of these values, of which only is known that they are texts, since Secrets hold texts.
    """
    validator = _Validator(definition.schema, format_checker=_FORMAT_CHECKER)
    received = _as_received(configuration)
    token = _WORK.set(_Work(MAX_STEPS, 1 + len(repr(received)) // _BYTES_A_STEP))
    found: dict[str, InvalidSpecError] = {}
    try:
        for error in _relevant(validator.iter_errors(received), frozenset(unknown)):
            for refused in _explained(error, definition):
                found.setdefault(str(refused), refused)
            if len(found) >= MAX_ERRORS:
                break
    except _WorkLimitError:
        pass
    finally:
        _WORK.reset(token)
    return tuple(islice(found.values(), MAX_ERRORS))


def _as_received(value: Any) -> Any:
    """The value as the server sees it: it removes nulls inside lists before it checks anything."""
    if isinstance(value, Mapping):
        return {name: _as_received(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_received(entry) for entry in value if entry is not None]
    return value


def _relevant(errors: Iterator[ValidationError], unknown: frozenset[str]) -> Iterator[ValidationError]:
    """The errors that can be told: of a value that is not known only that no text fits there."""
    for error in errors:
        if error.validator == "type" or _pointer(error) not in unknown:
            yield error


def _pointer(error: ValidationError) -> str:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in error.absolute_path)
    return "".join(f"/{part}" for part in parts)


def _explained(error: ValidationError, definition: Definition) -> Iterator[InvalidSpecError]:
    """The error in words of ours, with the path of its field."""
    path: FieldPath = ("configuration", *error.absolute_path)
    value: Any = error.validator_value
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "required":
        missing = [name for name in value if name not in instance]
        for name in missing[:MAX_ERRORS]:
            remedy = "name its Secret in spec.configurationSecrets" if name in definition.secret_names else "set it"
            yield _refused((*path, name), f"is missing, and definition {definition.name} requires it; {remedy}")
        return
    if error.validator == "additionalProperties":
        known = schema.get("properties", {})
        for name in list(islice((name for name in instance if name not in known), MAX_ERRORS)):
            yield _refused((*path, name), f"is not known to definition {definition.name}; remove it")
        return
    yield _refused(path, _words(error, definition))


def _words(error: ValidationError, definition: Definition) -> str:
    """What the schema asks for."""
    value: Any = error.validator_value
    keyword = str(error.validator)
    match keyword:
        case "type":
            return _type_words(value, error.instance)
        case "const":
            return f"must be {_shown(value)}"
        case "enum":
            return _choice_words(value)
        case "oneOf" | "anyOf" if all(isinstance(entry, Mapping) and "const" in entry for entry in value):
            return _choice_words([entry["const"] for entry in value])
        case "format":
            return _FORMATS[value]
    if keyword in _LIMITS:
        return _LIMITS[keyword].format(_shown(value))
    return f"fits none of the forms, or more than one, that definition {definition.name} allows"


def _type_words(wanted: Any, instance: Any) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    words = f"must be {' or '.join(_KINDS[name] for name in names)}"
    is_scalar = isinstance(instance, int | float)
    return f"{words}; put it in quotes" if "string" in names and is_scalar else words


def _choice_words(values: list[Any]) -> str:
    offered = ", ".join(_shown(value) for value in values[:_MAX_OFFERED])
    more = "" if len(values) <= _MAX_OFFERED else f" or {len(values) - _MAX_OFFERED} others"
    return f"must be one of {offered}{more}"


def _shown(value: Any) -> str:
    """A value of the schema, which is the server's, in a message."""
    return one_line(str(value) if not isinstance(value, str) else f"'{value[:_MAX_SHOWN]}'", _MAX_SHOWN)


def _refused(path: FieldPath, words: str) -> InvalidSpecError:
    return InvalidSpecError(one_line(field_path(path, "spec"), _MAX_SHOWN * 2), words)
