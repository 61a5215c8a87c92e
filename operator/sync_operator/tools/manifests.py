"""From texts to the objects in them: Syncs, Workspaces and Secrets; what is neither is passed over."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from sync_operator.model.names import API_VERSION, GROUP, SYNC_KIND, WORKSPACE_KIND
from sync_operator.model.reading import Place, field_path
from sync_operator.tools.problems import Problem, Severity
from sync_operator.tools.sources import Source
from sync_operator.tools.spots import Misprint, Spot
from sync_operator.tools.yamlread import Document, read_documents

__all__ = ["SECRET_KIND", "Gathered", "Manifest", "gather", "read_manifests"]

LIST_KIND: Final = "List"
SECRET_KIND: Final = "Secret"  # noqa: S105 (the name of a kind)
_OURS: Final = (SYNC_KIND, WORKSPACE_KIND)
_LISTED: Final = (
    "is a list, which kubectl does not take; put --- on a line before each object instead of the '-', or write "
    "kind: List, apiVersion: v1 and the list below items:"
)
_NO_ITEM: Final = "is no object, which kubectl refuses in a list; write one with apiVersion and kind, or remove it"
_NESTED: Final = "is a list within a list, which kubectl refuses; write its items into the outer one"
_NO_LIST: Final = (
    "is no list that kubectl takes; write apiVersion: v1, kind: List and the objects as a list below items:"
)
_TEMPLATE: Final = "{{"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object in a text.

    Attributes:
        source: the text.
        document: the document it stands in.
        place: where in the document; empty unless it is an item of a List.
        value: the object.
        kind: Sync, Workspace or Secret.
        namespace: its own, or the one given to the command.
    """

    source: Source
    document: Document = field(repr=False)
    place: Place
    value: Mapping[str, Any] = field(repr=False)
    kind: str
    namespace: str

    @property
    def metadata(self) -> Mapping[str, Any]:
        """``metadata``, empty where there is none that can be read."""
        return _mapping(_mapping(self.value).get("metadata"))

    @property
    def name(self) -> str:
        """``metadata.name``, or the empty string."""
        name = self.metadata.get("name")
        return name if isinstance(name, str) else ""

    @property
    def subject(self) -> str:
        """The object in two words."""
        return f"{self.kind} {self.name or '(without a name)'}"

    @property
    def line(self) -> int:
        """The line of its beginning, as editors count."""
        return self.document.spot(self.place).line + 1

    def problem(self, place: Place, message: str, *, key: bool = False, severity: Severity = Severity.ERROR) -> Problem:
        """A problem at a place within the object; ``key`` points to the field's name instead of its value."""
        spot = self.document.spot((*self.place, *place), key=key)
        return Problem(self.source, spot, self.subject, field_path(place), message, severity)

    def without_value(self) -> "Manifest":
        """The object with nothing but its name, for whoever keeps many of them."""
        document = Document(None, self.document.cut, self.document.start)
        value = {"metadata": {"name": self.name}}
        return Manifest(self.source, document, self.place, value, self.kind, self.namespace)

    def misprints(self) -> Iterator[Problem]:
        """What is wrong with the text of the object."""
        for misprint in self.document.misprints:
            if misprint.place[: len(self.place)] == self.place:
                yield Problem(self.source, misprint.spot, self.subject, "", misprint.message)


@dataclass(slots=True)
class Gathered:
    """All that texts hold.

    Attributes:
        problems: of texts that cannot be read, and objects whose kind there is not.
        passed_over: how many objects of other kinds there are, and documents that are no Kubernetes objects.
    """

    manifests: list[Manifest] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    passed_over: int = 0

    def of(self, kind: str) -> list[Manifest]:
        """The objects of a kind."""
        return [manifest for manifest in self.manifests if manifest.kind == kind]


def gather(sources: Iterable[Source], namespace: str) -> Gathered:
    """Read texts, and keep all that they hold.

    Args:
        sources: the texts.
        namespace: of objects that name none.
    """
    found = Gathered()
    found.manifests.extend(read_manifests(sources, namespace, found))
    return found


def read_manifests(sources: Iterable[Source], namespace: str, found: Gathered) -> Iterator[Manifest]:
    """Read texts object by object, and keep none of them.

    Args:
        sources: the texts.
        namespace: of objects that name none.
        found: is told of problems, and of what is passed over.
    """
    for source in sources:
        if source.unread:
            found.problems.append(Problem(source, Spot(0, 0, 1), "", "", source.unread))
        for document in read_documents(source.text):
            if isinstance(document, Misprint):
                found.problems.append(_misprint(source, document))
                continue
            for place, value in _objects(document.value):
                manifest = _manifest(source, document, place, value, namespace)
                kept = _sort(found, manifest)
                if kept is not None:
                    yield kept


def _manifest(source: Source, document: Document, place: Place, value: Any, namespace: str) -> Manifest:
    if not isinstance(value, dict):
        return Manifest(source, document, place, value, "", namespace)
    own = _mapping(value.get("metadata")).get("namespace")
    kind = str(value.get("kind"))
    return Manifest(source, document, place, value, kind, own if isinstance(own, str) and own else namespace)


def _objects(value: Any) -> Iterator[tuple[Place, Any]]:
    """An object, or those in a List, as `kubectl` finds them."""
    items = value.get("items") if isinstance(value, dict) and {"apiVersion", "kind"} <= set(value) else None
    if not isinstance(items, list):
        yield (), value
        return
    kind = str(value["kind"])
    implied = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix(LIST_KIND)}
    for index, item in enumerate(items):
        bare = kind != LIST_KIND and isinstance(item, dict) and not (item.get("kind") or item.get("apiVersion"))
        yield ("items", index), {**item, **implied} if bare else item


def _sort(found: Gathered, manifest: Manifest) -> Manifest | None:
    """Give back what is ours, refuse what was meant to be, pass over the rest."""
    value = manifest.value
    version = str(value.get("apiVersion")) if isinstance(value, dict) else ""
    said = _list_refused(manifest)
    refused = Problem(manifest.source, manifest.document.spot(manifest.place), "", "", said) if said else None
    if refused is None and isinstance(value, dict):
        refused = _refused(manifest, version)
    if refused is not None:
        found.problems.append(refused)
    elif (version == API_VERSION and manifest.kind in _OURS) or (version, manifest.kind) == ("v1", SECRET_KIND):
        return manifest
    else:
        found.passed_over += 1
    return None


def _list_refused(manifest: Manifest) -> str:
    """Why `kubectl` takes no list like this, or no such item of one; empty where it does."""
    value: Any = manifest.value
    if not isinstance(value, dict):
        is_root_list = isinstance(value, list) and any(isinstance(it, dict) and "apiVersion" in it for it in value)
        return _LISTED if is_root_list else _NO_ITEM if manifest.place else ""
    if manifest.place:
        if isinstance(value.get("items"), list):
            return _NESTED
        return "" if "apiVersion" in value or "kind" in value else _NO_ITEM
    if manifest.kind == LIST_KIND or ("kind" not in value and isinstance(value.get("items"), list)):
        return _NO_LIST if _holds_ours(value) or manifest.kind == LIST_KIND else ""
    return ""


def _holds_ours(value: dict[str, Any]) -> bool:
    items = value.get("items")
    return isinstance(items, list) and any(isinstance(item, dict) and "apiVersion" in item for item in items)


def _refused(manifest: Manifest, version: str) -> Problem | None:
    """Why an object that looks like one of ours, or like one of any kind, is none."""
    value, group = manifest.value, version.partition("/")[0]
    if not {"apiVersion", "kind"} <= set(value):
        if manifest.kind not in _OURS and group != GROUP and not {"metadata", "spec"} <= set(value):
            return None
        missing = "apiVersion" if "apiVersion" not in value else "kind"
        remedy = f"write {missing}: {API_VERSION if missing == 'apiVersion' else SYNC_KIND}, if this is one of ours"
        return manifest.problem((missing,), f"is missing; {remedy}")
    if group == GROUP:
        if version != API_VERSION:
            return manifest.problem(("apiVersion",), f"{version!r} is no version that there is; write {API_VERSION}")
        if manifest.kind not in _OURS:
            near = get_close_matches(manifest.kind.capitalize(), _OURS, n=1) or [" or ".join(_OURS)]
            return manifest.problem(("kind",), f"{manifest.kind!r} is no kind of {GROUP}; write {near[0]}")
    elif manifest.kind in _OURS and get_close_matches(group, [GROUP], cutoff=0.7):
        return manifest.problem(("apiVersion",), f"{version!r} is not ours; write {API_VERSION}")
    return None


def _misprint(source: Source, misprint: Misprint) -> Problem:
    near = "".join(source.line(number) or "" for number in (misprint.spot.line - 1, misprint.spot.line) if number >= 0)
    hint = "; templates are to be rendered first, as with `helm template . | sync-operator validate -`"
    return Problem(source, misprint.spot, "", "", misprint.message + (hint if _TEMPLATE in near else ""))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
