"""Configurations of a sync for property tests, and what people do to them."""

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

__all__ = ["CONFIGURATIONS", "ITEMS", "JSON", "WORDS", "changed"]

WORDS = st.text("abyz_", max_size=6)
SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9) | WORDS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)
ITEM_KEYS = st.sampled_from(
    ["from", "to", "mapping_type", "value", "value_type", "template", "field_type", "hide_embedding", "unknown"]
)
EMBEDDINGS = st.dictionaries(st.sampled_from(["mode", "model", "api_key", "unknown"]), SCALARS, max_size=3)
ITEMS = st.builds(
    lambda plain, embedding: plain | ({} if embedding is None else {"embedding_config": embedding}),
    st.dictionaries(ITEM_KEYS, SCALARS | st.lists(SCALARS, max_size=1), max_size=4),
    st.none() | EMBEDDINGS | WORDS,
)
CONFIGURATIONS = st.lists(ITEMS | JSON, max_size=4) | st.dictionaries(WORDS, JSON, max_size=4)


def changed(value: Any, data: st.DataObject) -> Any:
    """The value with something in it replaced, added or taken out."""
    value = deepcopy(value)
    if isinstance(value, dict):
        key = data.draw(st.sampled_from(sorted(value)) if value else WORDS)
        deed = data.draw(st.sampled_from(["replace", "remove", "add", "within"]))
        if deed == "within" and key in value:
            value[key] = changed(value[key], data)
        elif deed == "remove":
            value.pop(key, None)
        else:
            value[key if deed == "replace" else data.draw(WORDS)] = data.draw(JSON)
        return value
    if isinstance(value, list):
        place = data.draw(st.integers(0, len(value)))
        deed = data.draw(st.sampled_from(["within", "remove", "insert", "reverse"]))
        if deed == "reverse":
            value.reverse()
        elif deed == "insert" or place == len(value):
            value.insert(place, data.draw(ITEMS))
        elif deed == "remove":
            del value[place]
        else:
            value[place] = changed(value[place], data)
        return value
    return data.draw(JSON)
