"""Over 500 files as people and programs write them, made of tables: how documents begin, join, end and are coded."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, Final

from tests.support.manifests import sync_manifest

__all__ = ["FILES", "CutFile"]


@dataclass(frozen=True, slots=True)
class CutFile:
    """One file.

    Attributes:
        name: of the file; each object in it has a name that begins with it and a hyphen.
        case: what it is about.
        content: its bytes.
    """

    name: str
    case: str
    content: bytes

    @property
    def apart(self) -> str:
        """Why `kubectl` and `validate` are to disagree; empty where they are not."""
        return next((reason for cases, reason in _APART.items() if re.fullmatch(cases, self.case)), "")


_LOST: Final = "kubectl reads one document up to the next ---, and drops what stands behind it without a word"
_LAST_WINS: Final = "kubectl takes the last of two equal keys without a word"
_MANGLED: Final = "kubectl puts U+FFFD in the place of what it cannot decode, and applies that"
_NO_OBJECT: Final = "what is no Kubernetes object is passed over: folders hold values files and settings too"
_OTHER_KINDS: Final = "which other kinds a cluster has, nobody knows without asking it"
_TOO_DEEP: Final = "the operator takes no configuration of more than 64 levels"
_APART: Final = {
    r"join-block-(13|16)|twice.*": _LAST_WINS,
    r"join-(block|other)-(12|24)|join-flow-(1[02-7]|22|24)|join-indented-18": _LOST,
    r"tail-flow-(10|16)|coding-(block|flow|other)-cr": _LOST,
    r"json-half-character": _MANGLED,
    r"lead-(block|flow|indented|other)-2[012]|lead-other-15|tail-.*-22|tail-(compact|indented)-16": _NO_OBJECT,
    r"json-then-(number|text)|text|number|values|values-json": _NO_OBJECT,
    r"list-(odd-kind|not-so-called)-.*": _OTHER_KINDS,
    r"deep-100(-yaml)?": _TOO_DEEP,
}
"""Cases in which the two disagree, and why they may."""


def _object(name: str, **fields: Any) -> dict[str, Any]:
    return sync_manifest(name, streamName="Bestände 😀", **fields)


def _block(name: str) -> str:
    return (
        f"apiVersion: squared.ai/v1\nkind: Sync\nmetadata:\n  name: {name}\nspec:\n  sourceId: 1\n  destinationId: 2\n"
        '  modelId: 3\n  scheduleType: manual\n  streamName: "a --- b"\n  suspendReason: |\n    one\n\n    --- two\n'
        "  configuration:\n  - {from: a, to: b, mapping_type: standard}\n"
    )


def _flow(name: str) -> str:
    return (
        f"{{apiVersion: squared.ai/v1, kind: Sync, metadata: {{name: {name}}},\n spec: {{sourceId: 1, "
        "destinationId: 2, modelId: 3, scheduleType: manual, streamName: a, configuration: {a: b}}}\n"
    )


def _other(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


_BODIES: Final[dict[str, Callable[[str], str]]] = {
    "block": _block,
    "flow": _flow,
    "compact": lambda name: json.dumps(_object(name)),
    "indented": lambda name: json.dumps(_object(name), indent="\t", ensure_ascii=False) + "\n",
    "other": _other,
}
_JOINS: Final = (
    *("\n---\n", "\n--- \n", "\n---\t# next\n", "\n--- # next\n", "\n---#next\n", "\n---\n---\n\n---\n", "\r\n---\r\n"),
    *("\n----\n", "\n---a\n", "\n--- ", "\n ---\n", "\n...\n---\n", "\n...\n", "\n", "", " ", "\n\n\n", "\n,\n"),
    *("\n---\n%YAML 1.1\n---\n", "\n# nothing\n---\n# nothing\n---\n", "\n---\nnull\n---\n", "\n---\n~\n---\n"),
    *("\n\ufeff---\n", "\n---\n\ufeff", "\r---\r"),
)
_LEADS: Final = (
    *("---\n", "--- # first\n", "---\n---\n", "# comment\n", "# comment\n---\n", "\n\n  \n", "%YAML 1.1\n---\n"),
    *("%YAML 1.2\n---\n", "%TAG ! tag:a.org,2000:\n---\n", "# a\n%YAML 1.1\n---\n", "--- ", "---x\n", " ", "\t", "\v"),
    *("\u00a0", "\ufeff", "\ufeff\ufeff", "...\n", "null\n---\n", "[]\n---\n", "- a\n---\n", "text\n---\n", " " * 5000),
)
_TAILS: Final = (
    *("\n---", "\n---\n", "\n--- # end", "\n...", "\n...\n# end\n", "\n# end", "\n---\n# end\n", "\n---\nnull\n"),
    *(
        "\n---\n[\n",
        "\n---\na: b: c\n",
        "\n}",
        "\n\x00",
        "\n\x01",
        "\n\t",
        "\n---\n\t\n",
        "\n---\n'",
        "\nx",
        "\n%",
        "\n---x",
    ),
    *("\n--- !!map\n", "\n---\n--- {}\n", "\u2028", "\n---\n\u00a0\n"),
)
_CODINGS: Final[dict[str, Callable[[str], bytes]]] = {
    "utf8-bom": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "utf16-le": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "utf16-be": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "utf16-le-bare": lambda text: text.encode("utf-16-le"),
    "utf16-be-bare": lambda text: text.encode("utf-16-be"),
    "utf16-crlf": lambda text: b"\xff\xfe" + text.replace("\n", "\r\n").encode("utf-16-le"),
    "utf32": lambda text: b"\xff\xfe\x00\x00" + text.encode("utf-32-le"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "crlf-bom": lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "nul": lambda text: text.encode() + b"\x00",
}


def _lists(name: str) -> Iterator[tuple[str, Any]]:
    one, two = _object(f"{name}-a"), _object(f"{name}-b")
    bare = {key: value for key, value in one.items() if key not in {"apiVersion", "kind"}}
    v1 = {"apiVersion": "v1", "kind": "List"}
    ours = {"apiVersion": "squared.ai/v1", "kind": "SyncList"}
    yield "list", {**v1, "items": [one, two]}
    yield "list-empty", {**v1, "items": []}
    yield "list-null", {**v1, "items": None}
    yield "list-absent", v1
    yield "list-text", {**v1, "items": "a"}
    yield "list-object", {**v1, "items": {"a": one}}
    yield "list-kindless", {"apiVersion": "v1", "items": [one]}
    yield "list-versionless", {"kind": "List", "items": [one]}
    yield "list-nested", {**v1, "items": [{**v1, "items": [one]}, two]}
    yield "list-nested-deep", {**v1, "items": [{**v1, "items": [{**v1, "items": [one]}]}]}
    yield "list-of-null", {**v1, "items": [one, None]}
    yield "list-of-text", {**v1, "items": [one, "a"]}
    yield "list-of-empty", {**v1, "items": [one, {}]}
    yield "list-of-bare", {**v1, "items": [bare]}
    yield "list-odd-kind", {"apiVersion": "a.org/v1", "kind": "ThingList", "items": [one]}
    yield "list-not-so-called", {"apiVersion": "a.org/v1", "kind": "Thing", "items": [one]}
    yield "synclist", {**ours, "items": [one, two]}
    yield "synclist-bare", {**ours, "items": [bare]}
    yield "synclist-half", {**ours, "items": [{**bare, "kind": "Sync"}]}
    yield "synclist-nested-bare", {**v1, "items": [{**ours, "items": [bare]}]}
    yield "synclist-metadata", {**ours, "metadata": {"resourceVersion": "1"}, "items": [one]}
    yield "synclist-empty", {**ours, "items": []}
    yield "root-list", [one, two]
    yield "root-list-of-other", [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}]


def _lines(name: str) -> Iterator[tuple[str, str]]:
    text = _block(f"{name}-a")
    yield "tab-indent", text.replace("  modelId", "\tmodelId")
    yield "tab-after-colon", text.replace("modelId: 3", "modelId:\t3")
    yield "tab-at-end", text.replace("modelId: 3", "modelId: 3\t")
    yield "tab-in-flow", text.replace("{from: a,", "{from: a,\t")
    yield "tab-line", text.replace("spec:\n", "spec:\n\t\n")
    yield "twice", text + "  modelId: 3\n"
    yield "twice-in-json", json.dumps(_object(f"{name}-a"))[:-1] + ', "kind": "Sync"}'
    yield "merge", text + "  run: &r {retries: 1}\n  freshness: {maxAge: 1h}\n"
    yield "merge-key", text.replace("- {from: a", "- &m {from: a") + "  - {<<: *m, to: c}\n"
    yield "merge-list", text.replace("- {from: a", "- &m {from: a") + "  - {<<: [*m, {x: 1}], to: c}\n"
    yield "merge-text", text + "  - {<<: a}\n"
    yield "merge-number", text + "  - {<<: [1]}\n"
    yield "merge-at-root", "<<: {kind: Sync}\n" + text.replace("kind: Sync\n", "")
    yield "anchor-across", "x: &x 1\n---\n" + text.replace("modelId: 3", "modelId: *x")
    yield "alias-unknown", text.replace("modelId: 3", "modelId: *x")
    yield "alias-loop", text + "  - &l [*l]\n"
    yield "tag-str", text.replace("streamName: ", "streamName: !!str ")
    yield "tag-int", text.replace("modelId: 3", "modelId: !!int '3'")
    yield "tag-own", text.replace("streamName: ", "streamName: !mine ")
    yield "complex-key", text + "  - {? [a] : b}\n"
    yield "no-space", text.replace("modelId: 3", "modelId:3")
    yield "colon-in-value", text.replace("modelId: 3", "modelId: a: b")
    yield "inf", text + "  - {a: .inf}\n"
    yield "separator-in-quotes", text.replace('"a --- b"', '"a\n---\nb"')
    yield "unclosed", text.replace('"a --- b"', '"a --- b')


def _json_lines(name: str) -> Iterator[tuple[str, str]]:
    text = _block(f"{name}-a")
    yield "trailing-comma", json.dumps(_object(f"{name}-a"))[:-1] + ",}"
    yield "json-comment", json.dumps(_object(f"{name}-a")) + "\n# end\n"
    yield "json-slashes", "// a\n" + json.dumps(_object(f"{name}-a"))
    yield "json-half-character", json.dumps(_object(f"{name}-a", suspendReason="\ud83d"))
    yield "json-control", json.dumps(_object(f"{name}-a", suspendReason="a\x7fb"), ensure_ascii=False)
    yield "json-newline-in-text", json.dumps(_object(f"{name}-a", suspendReason="a")).replace('"a"', '"a\nb"')
    yield "json-nan", json.dumps(_object(f"{name}-a", configuration={"a": float("nan")}))
    yield "json-long-key", json.dumps(_object(f"{name}-a", configuration={"k" * 3000: "a"}))
    yield "yaml-long-key", f"---\n{json.dumps(_object(f'{name}-a', configuration={'k' * 3000: 'a'}))}"
    yield "json-escaped-slash", json.dumps(_object(f"{name}-a")).replace("squared.ai/v1", "squared.ai\\/v1")
    yield "json-escaped-name", json.dumps(_object(f"{name}-a")).replace('"Sync"', '"S\\u0079nc"')
    yield "json-then-yaml", json.dumps(_object(f"{name}-a")) + "\n---\n" + _block(f"{name}-b")
    yield "json-twice-then-yaml", "\n".join([*(json.dumps(_object(f"{name}-{x}")) for x in "ab"), "---", text])
    yield "json-then-number", json.dumps(_object(f"{name}-a")) + "\n1\n"
    yield "json-then-text", json.dumps(_object(f"{name}-a")) + "\nhello\n"
    yield "json-number-large", json.dumps(_object(f"{name}-a", configuration={"a": 10**30}))
    yield "deep-60", json.dumps(_object(f"{name}-a", configuration=_deep(60)))
    yield "deep-100", json.dumps(_object(f"{name}-a", configuration=_deep(100)))
    yield "deep-100-yaml", "---\n" + json.dumps(_object(f"{name}-a", configuration=_deep(100)), ensure_ascii=False)
    yield "deep-20000", '{"a":' * 20_000 + "1" + "}" * 20_000
    yield "deep-20000-yaml", "- " * 20_000 + "1\n"
    yield "bomb", _bomb()
    yield "large-300k", json.dumps(_object(f"{name}-a", configuration=_wide(300)))
    yield "large-2000k", json.dumps(_object(f"{name}-a", configuration=_wide(2000)))
    yield "many", "---\n".join(_block(f"{name}-{number}") for number in range(20))
    yield "empty", ""
    yield "blank", " \n\n"
    yield "comment", "# nothing\n"
    yield "text", "hello\n"
    yield "number", "1\n"
    yield "values", "replicaCount: 1\nimage: {tag: a}\n"
    yield "values-json", '{"replicaCount": 1}'
    yield "kindless", text.replace("kind: Sync\n", "")
    yield "versionless", text.replace("apiVersion: squared.ai/v1\n", "")
    yield "kind-number", text.replace("kind: Sync", "kind: 1")
    yield "template", text.replace("modelId: 3", "modelId: {{ .Values.model }}")


def _all_lines(name: str) -> Iterator[tuple[str, str]]:
    yield from _lines(name)
    yield from _json_lines(name)


def _bomb() -> str:
    steps = zip("abcdefgh", "bcdefghi", strict=True)
    return "a: &a [x,x]\n" + "".join(f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in steps)


def _deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {"a": "b"}
    for _ in range(levels - 2):
        found = {"a": found}
    return found


def _wide(kibibytes: int) -> list[dict[str, str]]:
    return [{"from": f"{number:05}" * 60, "to": "x" * 680, "mapping_type": "standard"} for number in range(kibibytes)]


def _made(names: Iterator[str]) -> Iterator[CutFile]:
    for kind, body in _BODIES.items():
        for number, join in enumerate(_JOINS):
            name = next(names)
            text = body(f"{name}-a").rstrip("\n") + join + body(f"{name}-b")
            yield CutFile(name, f"join-{kind}-{number}", text.encode())
        for number, lead in enumerate(_LEADS):
            name = next(names)
            yield CutFile(name, f"lead-{kind}-{number}", (lead + body(f"{name}-a")).encode())
        for number, tail in enumerate(_TAILS):
            name = next(names)
            yield CutFile(name, f"tail-{kind}-{number}", (body(f"{name}-a").rstrip("\n") + tail).encode())
        for coding, encode in _CODINGS.items():
            name = next(names)
            text = f"{body(f'{name}-a')}\n---\n{body(f'{name}-b')}"
            yield CutFile(name, f"coding-{kind}-{coding}", encode(text))
    for case in [case for case, _ in _lists("x")]:
        for form, begin in (("json", ""), ("yaml", "---\n")):
            name = next(names)
            text = begin + json.dumps(dict(_lists(name))[case], indent=1, ensure_ascii=False)
            yield CutFile(name, f"{case}-{form}", text.encode())
    for number in range(sum(1 for _ in _all_lines("x"))):
        name = next(names)
        case, text = next(islice(_all_lines(name), number, None))
        yield CutFile(name, case, text.encode("utf-8", "surrogatepass"))


FILES: Final = tuple(_made(f"f{number:03}" for number in count()))
