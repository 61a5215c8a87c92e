"""A real node (`cluster/node`) for tests: its image, its life, its network, and what it leaves on the machine."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.plane import ROOT, Plane, build_plane

__all__ = ["IMAGE", "NODES", "RealNode", "build_image", "clean", "running_node", "traces"]

IMAGE: Final = "localhost/sync-operator:e2e"
TOOLS: Final = ROOT / "cluster" / "node"
_CACHE: Final = Path(
    os.environ.get("SYNC_OPERATOR_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sync-operator"
)
_MACHINE: Final = os.open("/proc/self/ns/net", os.O_RDONLY)
"""The machine's network, wherever a test has gone since."""
NODES: Final = _CACHE / "nodes"
"""Folders of nodes. Their names are fixed, so that a run cleans up after one that was killed."""


@dataclass(frozen=True)
class RealNode:
    """A running node."""

    process: subprocess.Popen[str]
    folder: Path

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "plane" / "kubeconfig"

    def kubectl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run kubectl, as a person would; this thread must be in the node's network."""
        return Plane(build_plane(), self.kubeconfig.parent).kubectl(*words)

    @property
    def init(self) -> int:
        """Its PID 1, in the numbers of the machine."""
        return int((self.folder / "pid").read_text())

    def began(self, pod: str, command: str) -> float | None:
        """When a process of a pod was started, in seconds since 1970; None while there is none.

        Args:
            pod: its uid.
            command: words of the process's command line.
        """
        ticks = os.sysconf("SC_CLK_TCK")
        for process in Path("/proc").glob("[0-9]*"):
            try:
                inside = f"pod{pod}" in (process / "cgroup").read_text()
                if inside and command in (process / "cmdline").read_text().replace("\0", " "):
                    start = int((process / "stat").read_text().rpartition(")")[2].split()[19]) / ticks
                    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + start
            except OSError:
                continue  # it has just ended
        return None

    @contextmanager
    def network(self) -> Iterator[None]:
        """Bring this thread, and the processes that it starts, into the node's network."""
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = os.open(f"/proc/{self.init}/ns/net", os.O_RDONLY)
        try:
            os.setns(inside, os.CLONE_NEWNET)
            try:
                yield
            finally:
                os.setns(outside, os.CLONE_NEWNET)
        finally:
            os.close(outside)
            os.close(inside)

    def stop(self) -> int:
        """End it as its parent's death would; its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(60)


def build_image(folder: Path) -> Path:
    """Build the image from this checkout's Dockerfile; an archive."""
    done = subprocess.run([TOOLS / "image", ROOT, IMAGE, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    return Path(done.stdout.strip())


@contextmanager
def running_node(name: str, *images: Path) -> Iterator[RealNode]:
    """Start a node with these images, and stop it in the end."""
    folder = NODES / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = [TOOLS / "up", folder, *images]
    pipe = subprocess.PIPE
    # In a session of its own: Ctrl-C is for the tests, which then end it in order.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        node = RealNode(process, folder)
        try:
            assert process.stdout is not None
            assert any(line.startswith("ready ") for line in process.stdout), "the node did not start; see above"
            yield node
        finally:
            if process.poll() is None:
                node.stop()


def clean(name: str) -> None:
    """Remove what a killed node has left."""
    subprocess.run([TOOLS / "clean", NODES / name], check=True)


def traces(name: str) -> dict[str, set[str]]:
    """What there is on the machine that a node could have made, by kind: to be compared before and after."""
    folder = NODES / name
    tools = subprocess.run([TOOLS / "build"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    root = Path(tools) / "root"
    return {
        "processes": set(_processes(folder)),
        "mounts": set(Path("/proc/self/mounts").read_text().splitlines()),
        "links": {path.name for path in Path("/sys/class/net").iterdir()},
        "addresses": _said(root, "ip", "-oneline", "address", "show", "scope", "global"),
        "routes": _said(root, "ip", "route", "show", "table", "all") | _said(root, "ip", "-6", "route", "show"),
        "firewall rules": _said(root, "nft", "--stateless", "list", "ruleset"),
        "network namespaces": {str(path) for path in Path("/run/netns").glob("*")},
        "cgroups": {str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{_cgroup(folder)}")},
        "folders": {str(path) for path in (folder, *_stores()) if path.exists()},
    }


def _cgroup(folder: Path) -> str:
    return "sync-operator" + str(folder).replace("/", "-")


def _processes(folder: Path) -> Iterator[str]:
    """Processes in the node's cgroups, and those that name its folder."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            inside = f"/{_cgroup(folder)}/" in (process / "cgroup").read_text()
        except OSError:
            continue  # it has just ended
        if inside or str(folder) in command:
            yield f"{process.name} {command}"


def _stores() -> Sequence[Path]:
    """Where the machine's own engines would keep images."""
    return [Path("/var/lib/containerd"), Path("/run/containerd"), Path("/var/lib/kubelet"), Path("/var/lib/cni")]


def _said(root: Path, *command: str) -> set[str]:
    """What a command of the node's tools says of the machine's network."""
    machine = ("/usr/bin/nsenter", f"--net=/proc/self/fd/{_MACHINE}", "/usr/sbin/chroot", root)
    done = subprocess.run([*machine, *command], capture_output=True, text=True, check=True, pass_fds=[_MACHINE])
    return set(done.stdout.splitlines())
