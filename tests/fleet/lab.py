# SPDX-License-Identifier: GPL-3.0-or-later
"""Real hosts on this machine: each boots its own systemd on a file system, a network and a firewall of its own.

A closed network joins them: a bridge in a namespace, with no route to this machine or beyond.

    inside   192.0.2.1     2001:db8::1     the bridge; here the scanner and Ansible run
    outside  198.51.100.2  2001:db8:1::2   behind the bridge: another network, routed
    hosts    192.0.2.11 and up, 2001:db8::11 and up

Nothing has a name on this machine that outlives the process that made it. A namespace lives as long as its keeper, a
sleeping process; what a host writes is a tmpfs in its keeper's mount namespace; the kernel ends each keeper and each
host with this process (PR_SET_PDEATHSIG), however that ends. So a crash leaves neither process, mount nor interface.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.peers import chroots

from . import image

REPOSITORY = Path(__file__).parents[2]
BOOT_TIMEOUT = 60.0
"""Seconds a host gets to boot, or to shut down. It takes about two."""
COMMAND_TIMEOUT = 60.0
"""Seconds a command on a host gets."""

FOLDER = "port995-lab-"
"""How a lab's folder for temporary files begins; the number of its process follows."""
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root"}

KEEP = "echo ready; exec sleep infinity"
LAYER = f"""\
set -e
mount -t tmpfs none "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
{KEEP}
"""
"""Arguments: the image, an empty folder."""

SSH_OPTIONS = (
    "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
    "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5", "-o", "IdentitiesOnly=yes",
)  # fmt: skip
"""A closed network of machines that were made a second ago: there is no host key to know."""


class LabError(Exception):
    """The lab could not do what a test asked; with what was said."""


class Keeper:
    """A process that keeps a namespace: with its end the namespace ends, unless something runs in there."""

    def __init__(self, kind: str, script: str = KEEP, *arguments: str) -> None:
        """
        :param kind: ``net`` or ``mount``
        :raises LabError: it did not get ready
        """
        self._process = subprocess.Popen(
            [*ENDS_WITH_US, "unshare", f"--{kind}", "sh", "-c", script, "keeper", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None and self._process.stderr is not None
        if self._process.stdout.readline() != "ready\n":
            said = self._process.stderr.read()
            self.end()
            raise LabError(f"no {kind} namespace: {said.strip()}")
        self.pid = self._process.pid
        self.namespace = f"/proc/{self.pid}/ns/{'mnt' if kind == 'mount' else kind}"

    @property
    def identity(self) -> str:
        """What the kernel calls the namespace, as long as it is there."""
        return os.readlink(self.namespace)

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


class Vantage:
    """A place in the lab's network from which to look and to reach."""

    def __init__(self, name: str, ipv4: str, ipv6: str) -> None:
        self.name, self.ipv4, self.ipv6 = name, ipv4, ipv6
        self.network = Keeper("net")
        self.ip("link", "set", "lo", "up")

    def prefix(self) -> list[str]:
        """What runs a command here."""
        return [*ENDS_WITH_US, "nsenter", f"--net={self.network.namespace}", "--"]

    def run(self, *command: str, timeout: float = COMMAND_TIMEOUT, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command here.

        :raises LabError: it failed, and ``check`` was asked for
        """
        done = subprocess.run(
            [*self.prefix(), *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
            check=False, cwd=REPOSITORY,
        )  # fmt: skip
        if check and done.returncode:
            raise LabError(f"{self.name}: {' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def ip(self, *arguments: str) -> None:
        self.run("ip", *arguments)

    def states(self, host: Host, port: int = 995) -> dict[str, str]:
        """The state of a port by the native checker, for each address family: ``open``, ``closed`` or ``filtered``."""
        said = self.run(sys.executable, "-m", "tests.fleet.watch", "--once", str(port), host.ipv4, host.ipv6).stdout
        states = dict(line.split()[1:3] for line in said.splitlines())
        return {"ipv4": states[host.ipv4], "ipv6": states[host.ipv6]}


FOUND_TIMEOUT = 5.0
"""Seconds to find a host at an address; the kernel asks three times, a second apart."""
FIND = """\
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
socket.socket(family, socket.SOCK_DGRAM).sendto(b"", (sys.argv[1], 9))
"""
"""One packet to a host: whoever sends it has to find the host first."""


class Host:
    """A host of the lab. It is booted by `Lab.host` and can be cut off, rebooted and made anew."""

    def __init__(self, lab: Lab, number: int, release: chroots.Release) -> None:
        self.lab, self.number, self.release = lab, number, release
        self.name = f"host{number}"
        self.ipv4, self.ipv6 = f"192.0.2.{10 + number}", f"2001:db8::{10 + number}"
        self.console_log = lab.folder / f"{self.name}.console"
        self._disk: Keeper | None = None
        self._network: Keeper | None = None
        self._container: subprocess.Popen[bytes] | None = None
        self._first = 0

    @property
    def root(self) -> str:
        """The host's file system, in its keeper's mount namespace."""
        return f"{self.lab.mount_point}/root"

    def boot(self) -> None:
        """Switch it on, on a network namespace made anew, and wait until its services run.

        :raises LabError: it is on already, or did not come up; with the end of what its console showed
        """
        self.switch_on()
        self.wait_until_up()

    def switch_on(self) -> None:
        """Switch it on and do not wait.

        :raises LabError: it is on already, or has no network
        """
        if self._container is not None:
            raise LabError(f"{self.name} is on")
        if self._disk is None:
            self._disk = Keeper("mount", LAYER, str(self.release.folder), self.lab.mount_point)
            self._prepare()
        self._network = Keeper("net")
        self._connect(self._network)
        log = self.console_log.open("ab")
        with log:
            self._container = subprocess.Popen(
                ["nsenter", f"--mount={self._disk.namespace}", f"--net={self._network.namespace}", "--", *ENDS_WITH_US,
                 # In a process namespace whose first process is systemd-nspawn: the host ends with it. By itself the
                 # host's systemd goes on when systemd-nspawn is killed.
                 "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "systemd-nspawn", "--quiet", "--boot", "--directory", self.root, "--machine", self.name,
                 "--network-namespace-path=/proc/self/ns/net", "--capability=CAP_NET_ADMIN,CAP_NET_RAW",
                 "--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off", "--link-journal=no"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT, start_new_session=True,
            )  # fmt: skip

    def _connect(self, network: Keeper) -> None:
        bridge = self.lab.inside
        bridge.ip("link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", str(network.pid))
        bridge.ip("link", "set", self.name, "master", "bridge", "up")
        # Its hardware address is another one than before: for as long as the bridge remembers that, nobody reaches it.
        for address in (self.ipv4, self.ipv6):
            bridge.ip("neigh", "flush", "to", address, "dev", "bridge")
        inside = ["nsenter", f"--net={network.namespace}", "--", "ip"]
        for command in (
            "link set lo up", "link set eth0 up",
            f"-4 address add {self.ipv4}/24 dev eth0", f"-6 address add {self.ipv6}/64 dev eth0 nodad",
            f"-4 route add default via {bridge.ipv4}", f"-6 route add default via {bridge.ipv6}",
        ):  # fmt: skip
            _run(*inside, *command.split())

    def _prepare(self) -> None:
        """What makes an image this host: name and key."""
        key = (self.lab.key.with_suffix(".pub")).read_text()
        self._in_disk(
            f'cd "$1" && echo {self.name} > etc/hostname && echo "127.0.1.1 {self.name}" >> etc/hosts'
            " && mkdir -p -m 700 root/.ssh && cat > root/.ssh/authorized_keys && rm -f usr/sbin/policy-rc.d"
            " && rm -f etc/machine-id && touch etc/machine-id",
            key,
        )

    def _in_disk(self, script: str, text: str = "") -> str:
        assert self._disk is not None
        return _run("nsenter", f"--mount={self._disk.namespace}", "--", "sh", "-c", script, "disk", self.root, text=text)

    def wait_until_up(self) -> None:
        """Wait until its services run.

        :raises LabError: they do not
        """
        end = time.monotonic() + BOOT_TIMEOUT
        said = "no first process"
        while time.monotonic() < end:
            if self._container is None or self._container.poll() is not None:
                break
            with contextlib.suppress(LabError):
                self._first = self._first_process()
                said = self.console("systemctl is-system-running", check=False).strip()
                if said in ("running", "degraded"):
                    return self._find_neighbour()
            time.sleep(0.1)
        shown = self.console_log.read_bytes()[-3000:].decode(errors="replace")
        raise LabError(f"{self.name} did not boot ({said}):\n{shown}")

    def _find_neighbour(self) -> None:
        """Have the bridge find it at both addresses, so that no look waits for that and takes it for a firewall's silence.
        A firewall may keep it from being found: then the silence is its own."""
        bridge = self.lab.inside
        for address in (self.ipv4, self.ipv6):
            end = time.monotonic() + FOUND_TIMEOUT
            while time.monotonic() < end:
                if "lladdr" in bridge.run("ip", "neigh", "show", "to", address, "dev", "bridge").stdout:
                    break
                bridge.run("python3", "-c", FIND, address)
                time.sleep(0.05)

    def _first_process(self) -> int:
        """This machine's number of the host's process 1."""
        assert self._network is not None
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if not entry.name.isdigit() or os.readlink(entry / "ns/net") != self._network.identity:
                    continue
                status = (entry / "status").read_text()
                numbers = status.partition("\nNSpid:")[2].partition("\n")[0].split()
                # This machine's, systemd-nspawn's, the host's.
                if len(numbers) >= 3 and numbers[-1] == "1":
                    return int(entry.name)
        raise LabError(f"{self.name} has no process 1")

    def console(
        self, script: str, *, check: bool = True, timeout: float = COMMAND_TIMEOUT, data: bytes = b""
    ) -> str:
        """Run shell commands as root as from its console: no network has a part in it.

        :param data: what they read
        :returns: what they wrote
        :raises LabError: the last of them failed, and ``check`` was asked for
        """
        if not self._first:
            raise LabError(f"{self.name} is off")
        done = subprocess.run(
            ["nsenter", "--target", str(self._first), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd",
             "--", "sh", "-c", script],
            input=data, capture_output=True, timeout=timeout, check=False, env=ENVIRONMENT,
        )  # fmt: skip
        output, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if check and done.returncode:
            raise LabError(f"{self.name}: {script}: exit {done.returncode}\n{output}{errors}")
        return output

    def ssh_command(self, *command: str, ipv6: bool = False) -> list[str]:
        """What runs a command on it over SSH; itself to be run at a vantage."""
        return ["ssh", *SSH_OPTIONS, "-i", str(self.lab.key), f"root@{self.ipv6 if ipv6 else self.ipv4}", *command]

    def ssh(self, command: str, *, ipv6: bool = False) -> str:
        """Run a command over a new SSH connection from inside.

        :raises LabError: it failed
        """
        return self.lab.inside.run(*self.ssh_command(command, ipv6=ipv6)).stdout

    def route_packets(self) -> None:
        """Let it forward packets, until it is switched off: in a container it can't write that itself."""
        assert self._network is not None
        _run("nsenter", f"--net={self._network.namespace}", "--", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    @property
    def boot_id(self) -> str:
        return self.console("cat /proc/sys/kernel/random/boot_id").strip()

    @property
    def network_keeper(self) -> int:
        """The process that keeps its network. The kernel's own number of a namespace may come again."""
        assert self._network is not None
        return self._network.pid

    def wait_for_listener(self, port: int = 995) -> None:
        """Wait until a daemon listens, whatever a firewall does.

        :raises LabError: none does
        """
        end = time.monotonic() + BOOT_TIMEOUT
        while f":{port} " not in self.console("ss -Hltn"):
            if time.monotonic() > end:
                raise LabError(f"{self.name}: nothing listens on {port}")
            time.sleep(0.1)

    def cut_power(self) -> None:
        """Switch it off as a power cut does: no process of it gets to do anything more. Its disk keeps what was written."""
        if self._container is not None:
            with contextlib.suppress(OSError):
                for child in Path(f"/proc/{self._container.pid}/task/{self._container.pid}/children").read_text().split():
                    os.kill(int(child), signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._container.wait(BOOT_TIMEOUT)
            self._container.kill()
        self._after_the_end()

    def shut_down(self) -> None:
        """Switch it off in order."""
        if self._container is not None and self._first:
            self.console("systemctl --no-block poweroff", check=False)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._container.wait(BOOT_TIMEOUT)
        self.cut_power()

    def _after_the_end(self) -> None:
        """Wait for the container, then end its network: rules must not outlive the host that has them."""
        if self._container is not None:
            self._container.wait(BOOT_TIMEOUT)
            self._container = None
        self._first = 0
        if self._network is not None:
            network, self._network = self._network, None
            network.end()
            end = time.monotonic() + BOOT_TIMEOUT
            # The kernel ends a namespace when its last process is gone, and takes the interface on the bridge with it.
            while self.lab.inside.run("ip", "link", "show", self.name, check=False).returncode == 0:
                if time.monotonic() > end:
                    raise LabError(f"{self.name}'s network is still there: a process must still be in it")
                time.sleep(0.05)

    def reboot(self) -> None:
        """Shut it down and boot it on the same disk.

        :raises LabError: it did not come up, or this was no reboot
        """
        before = self.boot_id
        self.shut_down()
        self.boot()
        if self.boot_id == before:
            raise LabError(f"{self.name} says that it was not rebooted")

    def reset(self) -> None:
        """Make it anew, as the image has it, and boot it."""
        self.remove()
        self.boot()

    def remove(self) -> None:
        """Cut its power and throw its disk away."""
        self.cut_power()
        if self._disk is not None:
            disk, self._disk = self._disk, None
            disk.end()


class Lab:
    """Context manager: the network, and the hosts on it. Check `image.missing` first."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Lab:
        _remove_leftovers()
        with contextlib.ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-")))
            self.mount_point = str(_mount_point())
            self.key = self.folder / "key"
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "port995 lab", "-f", str(self.key))
            self.inside = Vantage("inside", "192.0.2.1", "2001:db8::1")
            stack.callback(self.inside.network.end)
            self.outside = Vantage("outside", "198.51.100.2", "2001:db8:1::2")
            stack.callback(self.outside.network.end)
            self._connect()
            self.hosts: list[Host] = []
            stack.callback(self._remove_hosts)
            self._stack = stack.pop_all()
        return self

    def _connect(self) -> None:
        inside, outside = self.inside, self.outside
        inside.ip("link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
        inside.ip("link", "set", "bridge", "up")
        inside.ip("address", "add", f"{inside.ipv4}/24", "dev", "bridge")
        inside.ip("address", "add", f"{inside.ipv6}/64", "dev", "bridge", "nodad")
        inside.ip("link", "add", "outside", "type", "veth", "peer", "name", "eth0", "netns", str(outside.network.pid))
        inside.ip("link", "set", "outside", "up")
        inside.ip("address", "add", "198.51.100.1/24", "dev", "outside")
        inside.ip("address", "add", "2001:db8:1::1/64", "dev", "outside", "nodad")
        outside.ip("link", "set", "eth0", "up")
        outside.ip("address", "add", f"{outside.ipv4}/24", "dev", "eth0")
        outside.ip("address", "add", f"{outside.ipv6}/64", "dev", "eth0", "nodad")
        outside.ip("-4", "route", "add", "default", "via", "198.51.100.1")
        outside.ip("-6", "route", "add", "default", "via", "2001:db8:1::1")
        inside.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")

    def host(self, release: chroots.Release = image.BOOKWORM) -> Host:
        """Boot another host; its image is made where it is not there yet (about two minutes, once)."""
        chroots.make(release)
        host = Host(self, len(self.hosts) + 1, release)
        self.hosts.append(host)
        host.boot()
        return host

    def _remove_hosts(self) -> None:
        for host in self.hosts:
            host.remove()

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _remove_leftovers() -> None:
    """Folders of labs whose process was killed: a key and what consoles showed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        process = folder.name.removeprefix(FOLDER).partition("-")[0]
        if process.isdigit() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _mount_point() -> Path:
    """Where hosts mount their disks, each in a mount namespace of its own: one empty folder serves all, and stays."""
    folder = image.BOOKWORM.folder.parent / "mount"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(*command: str | Path, text: str = "") -> str:
    done = subprocess.run(
        [str(word) for word in command], input=text, capture_output=True, text=True, timeout=COMMAND_TIMEOUT, check=False,
        env=ENVIRONMENT,
    )  # fmt: skip
    if done.returncode:
        raise LabError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
