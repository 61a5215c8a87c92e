"""What `cluster/build` takes from a machine instead of compiling it: by minor version, and it says so."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.plane import ROOT

type Plan = Callable[[], str]


def put(folder: Path, name: str, printed: str) -> Path:
    """A program that prints its version and does no more."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """What it says of programs in two folders: KUBEBUILDER_ASSETS, and the first of PATH."""

    def planned() -> str:
        done = subprocess.run(
            [ROOT / "cluster" / "build", "--plan"],
            capture_output=True,
            text=True,
            check=True,
            env={
                **os.environ,
                "KUBEBUILDER_ASSETS": str(tmp_path / "assets"),
                "PATH": f"{tmp_path / 'path'}:{os.environ['PATH']}",
            },
        )
        assert done.stdout == ""
        return done.stderr

    return planned


def test_assets_go_before_path_and_what_does_not_fit_is_left(plan: Plan, tmp_path: Path) -> None:
    assets, path = tmp_path / "assets", tmp_path / "path"
    put(assets, "etcd", "etcd Version: 3.6.4\nGit SHA: 5400cdc")
    server = put(assets, "kube-apiserver", "Kubernetes v1.37.5")
    put(path, "kube-apiserver", "Kubernetes v1.37.1")
    put(assets, "kubectl", "Client Version: v1.36.9\nKustomize Version: v5.7.1")
    kubectl = put(path, "kubectl", "Client Version: v1.37.0\nKustomize Version: v5.7.1")
    old = put(path, "kube-controller-manager", "Kubernetes v1.3.7")

    said = plan()

    assert f"etcd: taken from {assets / 'etcd'}, version 3.6.4" in said
    assert f"kube-apiserver: taken from {server}, version 1.37.5" in said
    assert f"{path / 'kube-apiserver'}" not in said
    assert f"kubectl: {assets / 'kubectl'} is of version 1.36.9 and does not fit; wanted: 1.37" in said
    assert f"kubectl: taken from {kubectl}, version 1.37.0" in said
    assert f"kube-controller-manager: {old} is of version 1.3.7 and does not fit; wanted: 1.37" in said


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("etcd Version: 3.5.21", "is of version 3.5.21 and does not fit; wanted: 3.6 or newer"),
        ("", "of version unknown"),
    ],
)
def test_an_etcd_that_is_too_old_or_none(plan: Plan, tmp_path: Path, printed: str, said: str) -> None:
    put(tmp_path / "assets", "etcd", printed)

    assert said in plan()


def test_what_does_not_fit_is_told_when_it_is_built_and_not_each_time(tmp_path: Path) -> None:
    kubectl = put(tmp_path / "path", "kubectl", "Client Version: v1.32.4")
    go = kubectl.with_name("go")
    # A compiler that compiles nothing.
    go.write_text(
        """#!/bin/sh
        [ "$1" != env ] || { echo go1.99.0; exit; }
        while [ "$1" != -o ]; do shift; done
        echo >"$2"
        chmod +x "$2"
        """
    )
    go.chmod(0o755)
    env = {
        **os.environ,
        "KUBEBUILDER_ASSETS": "",
        "SYNC_OPERATOR_CACHE": str(tmp_path / "cache"),
        "PATH": f"{tmp_path / 'path'}:/usr/bin:/bin",
    }

    told = []
    for run in ("first", "second"):
        with (tmp_path / run).open("w+") as errors:
            subprocess.run([ROOT / "cluster" / "build"], stdout=subprocess.DEVNULL, stderr=errors, check=True, env=env)
            errors.seek(0)
            told.append(errors.read())

    assert f"kubectl: {kubectl} is of version 1.32.4 and does not fit; wanted: 1.37" in told[0]
    assert told[1] == ""
