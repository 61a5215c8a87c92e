"""Every mistake of a beginner is answered with the field and the remedy, where the person looks: all at once."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

import pytest
import yaml
from kubernetes import client
from tests.support.beginner_mistakes import (
    CRONJOB_KIND,
    MISTAKES,
    NO_MISTAKES,
    SERVED,
    STREAMLESS,
    Look,
    Mistake,
    score,
)
from tests.support.helm import Helm
from tests.support.judging import judged
from tests.support.manifests import merged, sync_manifest
from tests.support.plane import Kube, Plane
from tests.support.running import Controller, eventually, running_sandbox
from tests.support.syncs import Tenant

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND

PATIENCE: Final = 60.0
EVERYTHING: Final = (*MISTAKES, *NO_MISTAKES)
BOTH: Final = 2
ONCE: Final = {
    "wrong-token": "GET /users/me was answered with 401; the token is wrong: put a valid one into the Secret",
    "half-login": "spec.auth.loginSecretRef.key: Secret 'half' has no key 'password'; add it, or name another one",
    "line-never": "runs at '0 0 30 2 *', which never comes: spec.cronExpression names no date that exists",
    "external-words": "spec.externalId in body should match '^[0-9]+$'",
    "wrong-port": "GET /users/me: the server at http://127.0.0.1:9 cannot be reached (Connection refused)",
    "zone-offset": "spec.timeZone: 'UTC+1' is not a time zone that Kubernetes knows; did you mean 'UTC'?",
}
"""What was said before the table was."""


def looked_at(look: Look) -> list[Mistake]:
    return [mistake for mistake in EVERYTHING if mistake.look is look]


def host_of(url: str) -> str:
    return url.partition("//")[2]


@dataclass
class Person:
    """Somebody with kubectl and a namespace."""

    plane: Plane
    tenant: Tenant

    def apply(self, manifests: Iterable[dict[str, Any]]) -> str:
        """What `kubectl apply` says besides that it is done."""
        text = yaml.safe_dump_all(manifests).replace(host_of(SERVED), host_of(self.tenant.sandbox.url))
        return self._kubectl("apply", "-f", "-", stdin=text)[1]

    def refusals(self, manifests: Iterable[dict[str, Any]]) -> dict[str, str]:
        """The same of many manifests, by their names."""
        lines = self.apply(manifests).splitlines()
        return {named[1]: line for line in lines if (named := re.search('"([^"]+)" is invalid: ', line)) is not None}

    def messages(self) -> dict[str, str]:
        """Column MESSAGE of `kubectl get -o wide`, by kind and name."""
        found = dict[str, str]()
        for kind in ("sync", "workspace", "connector", "model"):
            header, *lines = self._kubectl("get", kind, "-o", "wide")[0].splitlines()
            found |= {f"{kind}/{line.split()[0]}": line[header.index("MESSAGE") :] for line in lines}
        return found

    def described(self, mistake: Mistake) -> str:
        """Status and events as `kubectl describe` shows them."""
        return self._kubectl("describe", mistake.kind, mistake.name)[0].partition("\nStatus:")[2]

    def status(self) -> dict[str, str]:
        """What stands in column MESSAGE, without kubectl."""
        return {
            f"{kind.lower()}/{item['metadata']['name']}": item.get("status", {}).get("message", "")
            for kind in (SYNC_KIND, WORKSPACE_KIND, CONNECTOR_KIND, MODEL_KIND)
            for item in self.tenant.kube.resource(kind).get(namespace=self.tenant.namespace).to_dict()["items"]
        }

    def does(self, mistake: Mistake) -> None:
        """What is done to a Sync that is Ready, and to what belongs to it."""
        for kind, changes in ((CRONJOB_KIND, mistake.cronjob), (WORKSPACE_KIND, mistake.repointed)):
            if changes is not None:
                self._kubectl("patch", kind, mistake.name, "--type=merge", "-p", json.dumps({"spec": changes}))
        for kind in mistake.deleted:
            self._kubectl("delete", kind, mistake.name, "--wait=false")

    def _kubectl(self, *words: str, stdin: str | None = None) -> tuple[str, str]:
        done = self.plane.kubectl("-n", self.tenant.namespace, *words, stdin=stdin)
        return done.stdout, done.stderr


@pytest.fixture(scope="module")
def person(
    plane: Plane, kube: Kube, helm: Helm, controller: Controller, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Person]:
    assert controller.log.exists()
    namespace = f"beginner-{token_hex(4)}"
    kube.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
    crds = {"enabled": True, "protect": False}
    policies = yaml.safe_dump_all(helm.template("--show-only", "templates/admission-policies.yaml", crds=crds))
    assert plane.kubectl("apply", "-f", "-", stdin=policies).returncode == 0
    try:
        with running_sandbox(tmp_path_factory.mktemp("beginner"), "--run-seconds", "1") as sandbox:
            sandbox.name_all()
            for number in (31, 32):
                sandbox.name("source", number, "Twice")
            sandbox.name("source", 33, "My\u00a0Shop")
            sandbox.name("destination", STREAMLESS, "Streamless")
            sandbox.catalog(STREAMLESS, "contacts")
            for kind in ("model", "source"):
                sandbox.name(kind, 9999, "gone")
                sandbox.unname(kind, 9999)
            tenant = Tenant(kube, namespace, sandbox)
            tenant.connect()
            tenant.ready()
            yield Person(plane, tenant)
    finally:
        plane.kubectl("delete", "-f", "-", stdin=policies)
        kube.drop_namespace(namespace)


@pytest.fixture(scope="module")
def said(person: Person) -> dict[str, str]:
    """What the person is told where they look, by the mistake's name: all of them are made at once."""
    doubtful = sync_manifest("doubtful", syncMode="incremental")
    later = [mistake for mistake in looked_at(Look.REFUSED) if mistake.then is not None]
    first = [mistake for mistake in looked_at(Look.REFUSED) if mistake.then is None]
    taken = [*later, *looked_at(Look.GET), *looked_at(Look.DESCRIBE)]
    told = person.refusals(manifest for mistake in taken for manifest in mistake.manifests)
    assert told == {}, "of these nothing is to be refused at once"
    answers = person.refusals(mistake.manifests[-1] for mistake in first)
    eventually(lambda: "Warning:" in person.apply([doubtful]), "the policies to be in force")
    answers |= {mistake.name: person.apply(mistake.manifests) for mistake in looked_at(Look.WARNED)}
    for mistake in looked_at(Look.VALIDATE):
        problems = judged(yaml.safe_dump(mistake.manifests[-1])).problems
        answers[mistake.name] = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)
    by_hand = [mistake for mistake in EVERYTHING if mistake.by_hand]
    for mistake in (*later, *by_hand):
        person.tenant.when(mistake.kind.capitalize(), mistake.name, "Ready")
    for mistake in by_hand:
        person.does(mistake)
    answers |= person.refusals(merged(mistake.manifests[-1], {"spec": mistake.then}) for mistake in later)

    def all_told() -> bool:
        found = person.status()
        rest = (found.get(f"{one.kind}/{one.name}", "") for one in looked_at(Look.GET))
        return all(
            score(words, one.names, one.remedy) == BOTH for words, one in zip(rest, looked_at(Look.GET), strict=True)
        )

    with suppress(AssertionError):  # what is not told is told by the tests
        eventually(all_told, "all mistakes to be told", seconds=PATIENCE)
    shown = person.messages()
    answers |= {one.name: shown.get(f"{one.kind}/{one.name}", "") for one in looked_at(Look.GET)}
    for one in looked_at(Look.DESCRIBE):
        with suppress(AssertionError):
            eventually(
                lambda one=one: score(person.described(one), one.names, one.remedy) == BOTH,  # type: ignore[misc]
                f"{one.name} to be told",
                seconds=PATIENCE / 3,
            )
        answers[one.name] = person.described(one)
    return answers


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_field_and_the_remedy_are_named_where_the_person_looks(mistake: Mistake, said: dict[str, str]) -> None:
    words = said.get(mistake.name, "")

    assert score(words, mistake.names, mistake.remedy) == BOTH, words


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mistake", NO_MISTAKES, ids=lambda mistake: mistake.name)
def test_what_looks_like_a_mistake_and_is_none_works(mistake: Mistake, said: dict[str, str]) -> None:
    assert mistake.remedy in said[mistake.name]


def test_the_table_is_no_small_one() -> None:
    assert len(MISTAKES) >= 100
    assert len({mistake.name for mistake in EVERYTHING}) == len(EVERYTHING)


@pytest.mark.parametrize("name", ONCE)
def test_what_was_said_before_is_not_enough(name: str) -> None:
    [mistake] = (mistake for mistake in MISTAKES if mistake.name == name)

    assert score(ONCE[name], mistake.names, mistake.remedy) < BOTH
