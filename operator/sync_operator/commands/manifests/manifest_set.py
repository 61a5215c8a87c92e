"""Finds objects of our kinds, Secrets and ConfigMaps in texts; objects of other kinds are counted and skipped."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from sync_operator.api.constants import API_VERSION, GROUP, SYNC_KIND
from sync_operator.api.crd.crd_manifests import KINDS
from sync_operator.api.validation.strict_validation import FieldPath, field_path
from sync_operator.commands.diagnostics import Diagnostic, Severity
from sync_operator.commands.input_files import Source
from sync_operator.commands.manifests.spans import Span, YamlError
from sync_operator.commands.manifests.yaml_reader import Document, read_documents

__all__ = ["CONFIG_MAP_KIND", "SECRET_KIND", "Manifest", "ManifestSet", "load_manifests", "manifests_in"]

LIST_KIND: Final = "List"
SECRET_KIND: Final = "Secret"  # noqa: S105 (the name of a kind)
CONFIG_MAP_KIND: Final = "ConfigMap"
_VALUES: Final = frozenset({SECRET_KIND, CONFIG_MAP_KIND})
"""Kinds of Kubernetes itself whose values our objects refer to."""
_LISTED: Final = (
    "is a list, which kubectl does not take; put --- on a line before each object instead of the '-', or write "
    "kind: List, apiVersion: v1 and the list below items:"
)
_NO_ITEM: Final = "is not an object, which kubectl refuses in a list; write one with apiVersion and kind, or remove it"
_NESTED: Final = "is a list within a list, which kubectl refuses; write its items into the outer one"
_NO_LIST: Final = (
    "is not a list that kubectl takes; write apiVersion: v1, kind: List and the objects as a list below items:"
)
_TEMPLATE: Final = "{{"
_NO_VALUE: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(slots=True)  # not frozen, which takes four times as long, once for each object of a file
class Manifest:
    """One object in a text.

    Attributes:
        source: the text.
        document: the document that contains it.
        path: path in the document; empty unless it is an item of a List.
        value: the object.
        kind: one of ours, Secret or ConfigMap.
        namespace: its own namespace, or the one given to the command.
        name: ``metadata.name``; empty if it is missing or no text.
    """

    source: Source
    document: Document = field(repr=False)
    path: FieldPath
    value: Mapping[str, Any] = field(repr=False)
    kind: str
    namespace: str
    name: str

    @property
    def metadata(self) -> Mapping[str, Any]:
        """``metadata``; empty if it is missing or no object."""
        return _mapping(_mapping(self.value).get("metadata"))

    @property
    def subject(self) -> str:
        """Kind and name, for messages."""
        return f"{self.kind} {self.name or '(without a name)'}"

    @property
    def line(self) -> int:
        """The line at which it begins, counted from 1."""
        return self.document.spot(self.path).line + 1

    def problem(
        self, path: FieldPath, message: str, *, key: bool = False, severity: Severity = Severity.ERROR
    ) -> Diagnostic:
        """A problem with a field of the object; ``key`` points to the field's name instead of its value."""
        spot = self.document.spot((*self.path, *path), key=key)
        return Diagnostic(self.source, spot, self.subject, field_path(path), message, severity)

    def without_value(self) -> "Manifest":
        """A copy that holds only the object's name, to save memory if many are kept."""
        held = self.document
        document = Document(None, held.cut, held.start, in_blocks=held.in_blocks, head=held.head)
        return Manifest(self.source, document, self.path, _NO_VALUE, self.kind, self.namespace, self.name)

    def syntax_errors(self) -> Iterator[Diagnostic]:
        """Syntax errors in the text of the object."""
        for error in self.document.syntax_errors:
            if error.path[: len(self.path)] == self.path:
                yield Diagnostic(self.source, error.spot, self.subject, "", error.message)


@dataclass(slots=True)
class ManifestSet:
    """The content of the input.

    Attributes:
        manifests: the objects of our kinds, Secrets and ConfigMaps.
        problems: errors of texts that cannot be read, and of objects with an unknown kind or version.
        passed_over: number of objects of other kinds, and of documents that are no Kubernetes objects.
    """

    manifests: list[Manifest] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)
    passed_over: int = 0

    def note_unread(self, source: Source) -> None:
        """Record the problem of a text that could not be read, if it is one."""
        if source.read_error:
            self.problems.append(Diagnostic(source, Span(0, 0, 1), "", "", source.read_error))

    def of(self, kind: str) -> list[Manifest]:
        """The objects of a kind."""
        return [manifest for manifest in self.manifests if manifest.kind == kind]


def load_manifests(sources: Iterable[Source], namespace: str) -> ManifestSet:
    """Read texts, and keep all of their manifests.

    Args:
        sources: the texts.
        namespace: namespace of objects that name none.
    """
    found = ManifestSet()
    for source in sources:
        found.note_unread(source)
        for document in read_documents(source.text):
            found.manifests.extend(manifests_in(document, source, namespace, found))
    return found


def manifests_in(
    document: Document | YamlError, source: Source, namespace: str, found: ManifestSet
) -> Iterator[Manifest]:
    """The manifests of a document.

    Args:
        document: the document, or the error instead of it.
        source: the text that it is from.
        namespace: namespace of objects that name none.
        found: receives the problems and the number of other objects.
    """
    if isinstance(document, YamlError):
        found.problems.append(_syntax_problem(source, document))
        return
    for path, value in _objects(document):
        kept = _sort(found, _manifest(source, document, path, value, namespace))
        if kept is not None:
            yield kept


def _manifest(source: Source, document: Document, path: FieldPath, value: Any, namespace: str) -> Manifest:
    if not isinstance(value, dict):
        return Manifest(source, document, path, value, "", namespace, "")
    metadata = _mapping(value.get("metadata"))
    own, name = metadata.get("namespace"), metadata.get("name")
    return Manifest(
        source,
        document,
        path,
        value,
        kind=str(value.get("kind")),
        namespace=own if isinstance(own, str) and own else namespace,
        name=name if isinstance(name, str) else "",
    )


def _objects(document: Document) -> Iterator[tuple[FieldPath, Any]]:
    """The object of a document, or the items of a List as `kubectl` reads them, each with its path."""
    value = document.value
    if document.head is not None:
        yield (0,), _item(document.head, value[0])
        return
    items = value.get("items") if isinstance(value, dict) and {"apiVersion", "kind"} <= set(value) else None
    if not isinstance(items, list):
        yield (), value
        return
    for index in range(document.skipped, len(items)):
        yield ("items", index), _item(value, items[index])


def _item(outer: Mapping[str, Any], item: Any) -> Any:
    """An item with kind and version: those of a `SyncList` have none of their own."""
    kind = str(outer["kind"])
    if kind == LIST_KIND or not isinstance(item, dict) or item.get("kind") or item.get("apiVersion"):
        return item
    return {**item, "apiVersion": outer.get("apiVersion"), "kind": kind.removesuffix(LIST_KIND)}


def _sort(found: ManifestSet, manifest: Manifest) -> Manifest | None:
    """Return an object of ours, a Secret or a ConfigMap; record a problem for one meant to be ours; count the rest."""
    value = manifest.value
    version = str(value.get("apiVersion")) if isinstance(value, dict) else ""
    said = _list_refused(manifest)
    refused = Diagnostic(manifest.source, manifest.document.spot(manifest.path), "", "", said) if said else None
    if refused is None and isinstance(value, dict):
        refused = _refused(manifest, version)
    if refused is not None:
        found.problems.append(refused)
    elif (version == API_VERSION and manifest.kind in KINDS) or (version == "v1" and manifest.kind in _VALUES):
        return manifest
    else:
        found.passed_over += 1
    return None


def _list_refused(manifest: Manifest) -> str:
    """Why `kubectl` refuses such a list, or such an item of one; empty if it does not."""
    value: Any = manifest.value
    if not isinstance(value, dict):
        is_root_list = isinstance(value, list) and any(isinstance(it, dict) and "apiVersion" in it for it in value)
        return _LISTED if is_root_list else _NO_ITEM if manifest.path else ""
    if manifest.path:
        if isinstance(value.get("items"), list):
            return _NESTED
        return "" if "apiVersion" in value or "kind" in value else _NO_ITEM
    if manifest.kind == LIST_KIND or ("kind" not in value and isinstance(value.get("items"), list)):
        return _NO_LIST if _holds_ours(value) or manifest.kind == LIST_KIND else ""
    return ""


def _holds_ours(value: dict[str, Any]) -> bool:
    items = value.get("items")
    return isinstance(items, list) and any(isinstance(item, dict) and "apiVersion" in item for item in items)


def _refused(manifest: Manifest, version: str) -> Diagnostic | None:
    """The problem of an object that looks like one of ours, or like any Kubernetes object, but is none."""
    value, group = manifest.value, version.partition("/")[0]
    if not {"apiVersion", "kind"} <= set(value):
        if manifest.kind not in KINDS and group != GROUP and not {"metadata", "spec"} <= set(value):
            return None
        missing = "apiVersion" if "apiVersion" not in value else "kind"
        remedy = f"write {missing}: {API_VERSION if missing == 'apiVersion' else SYNC_KIND}, if this is one of ours"
        return manifest.problem((missing,), f"is missing; {remedy}")
    if group == GROUP:
        if version != API_VERSION:
            return manifest.problem(("apiVersion",), f"{version!r} is not a version that there is; write {API_VERSION}")
        if manifest.kind not in KINDS:
            every = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
            near = get_close_matches(manifest.kind.capitalize(), KINDS, n=1) or [every]
            return manifest.problem(("kind",), f"{manifest.kind!r} is not a kind of {GROUP}; write {near[0]}")
    elif manifest.kind in KINDS and get_close_matches(group, [GROUP], cutoff=0.7):
        return manifest.problem(("apiVersion",), f"{version!r} is not ours; write {API_VERSION}")
    return None


def _syntax_problem(source: Source, error: YamlError) -> Diagnostic:
    near = "".join(source.line(number) or "" for number in (error.spot.line - 1, error.spot.line) if number >= 0)
    hint = "; templates are to be rendered first, as with `helm template . | sync-operator validate -`"
    return Diagnostic(source, error.spot, "", "", error.message + (hint if _TEMPLATE in near else ""))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, (dict, Mapping)) else _NO_VALUE
