"""How the sandbox masks secrets: by the bare name of a key, as the server does."""

from hypothesis import given
from hypothesis import strategies as st

from sync_operator.sandbox.pipeline.bundled_definitions import KINDS, DefinitionCatalogue
from sync_operator.sandbox.pipeline.secret_mask import MASK, holds_mask, mask_secrets

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
)


@given(value=VALUES, names=st.sets(st.sampled_from("abcd")))
def test_every_key_of_a_secret_name_is_masked_and_nothing_else_is_changed(value: object, names: set[str]) -> None:
    masked = mask_secrets(value, names)

    def same(left: object, right: object) -> bool:
        if isinstance(left, dict) and isinstance(right, dict):
            return left.keys() == right.keys() and all(
                right[key] == MASK if key in names else same(left[key], right[key]) for key in left
            )
        if isinstance(left, list) and isinstance(right, list):
            return len(left) == len(right) and all(map(same, left, right))
        return left == right

    assert same(value, masked)
    assert mask_secrets(masked, names) == masked


def test_a_mask_that_was_stored_is_found() -> None:
    assert holds_mask({"a": [{"b": MASK}]})
    assert not holds_mask({"a": [{"b": f"{MASK}*"}], MASK: "a key"})


def test_a_definition_comes_back_as_it_was_bundled() -> None:
    held = DefinitionCatalogue()
    before = {kind: held.listed(kind) for kind in KINDS}

    assert held.remove("source", "Postgresql")
    assert not held.remove("source", "Postgresql")
    assert held.get("source", "Postgresql") is None
    assert held.put("source", "Postgresql", None, [])
    assert not held.put("source", "Lamp", None, [])

    assert {name["name"] for name in held.listed("source")} == {name["name"] for name in before["source"]}
