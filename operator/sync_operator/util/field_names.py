"""Names of fields: the API writes them in snake case, a manifest in camel case."""

__all__ = ["camel"]


def camel(field: str) -> str:
    """The name in the manifest of a field of the API: ``stream_name`` is ``streamName``."""
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)
