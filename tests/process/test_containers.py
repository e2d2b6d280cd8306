"""The files for containers: what an image gets and runs, and, where podman is, the built image and its services."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from commands.demo_defaults import SN8_KEY, write_defaults
from commands.demo_services import ROOT, Service, Services, free_port
from config.engine_settings import EngineSettings
from config.files import format_json, write_atomically
from operations.metrics_server import METRICS_PORTS
from operations.wall_clock import WallClock
from paper.sn8 import Sn8Server
from paper.sn8_session import serve_sn8
from paper.sn8_world import Sn8World

DEPLOY = ROOT / "deploy"
SERVICES = ("tradingview-endpoint", "bittensor-signals", "trade-engine")
TARGET_MINOR = 13
PATIENCE_SECONDS = 60.0
Probes = dict[str, list[str]]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order: word and rest."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def copied() -> list[str]:
    return [name for word, rest in instructions() if word == "COPY" for name in rest.split()[:-1]]


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
    return read


def probes() -> Probes:
    """The command of each service's health check."""
    tests = {name: service["healthcheck"]["test"] for name, service in compose()["services"].items()}
    assert all(test[0] == "CMD" for test in tests.values())
    return {name: test[1:] for name, test in tests.items()}


def test_the_image_gets_every_room_of_the_product_and_nothing_else() -> None:
    rooms = sorted(path.parent.name for path in ROOT.glob("[!.]*/__init__.py"))
    assert sorted(copied()) == sorted([*rooms, "execute_trades.py", "pyproject.toml", "requirements.txt"])
    ignored = [line for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] != "#"]
    assert ignored[0] == "*"
    let_in = {line[1:] for line in ignored if line.startswith("!")} - {"deploy", "deploy/wheelhouse"}
    assert let_in == set(copied())
    assert ignored.index("!deploy") < ignored.index("deploy/*") < ignored.index("!deploy/wheelhouse")


def test_the_build_asks_no_registry_and_the_image_runs_as_an_ordinary_user_without_a_secret() -> None:
    steps = instructions()
    installs = [rest for word, rest in steps if word == "RUN" and re.search(r"\b(pip|uv|apt|apt-get|curl)\b", rest)]
    (install,) = installs
    assert "--no-index --find-links=/wheelhouse --requirement requirements.txt" in install
    assert "source=deploy/wheelhouse,target=/wheelhouse" in install
    words = [word for word, _ in steps]
    assert [rest for word, rest in steps if word == "USER"] == ["trader"]
    assert "RUN" not in words[words.index("USER") :]
    (environment,) = [rest for word, rest in steps if word == "ENV"]
    names = {part.partition("=")[0] for part in environment.split()}
    assert names == {"TRADE_ENGINE_HOME", "XDG_CONFIG_HOME", "HOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    assert dict(steps)["STOPSIGNAL"] == "SIGINT"
    assert dict(steps)["ENTRYPOINT"] == '["python"]'
    assert dict(steps)["ARG"] == f"BASE_IMAGE=python:3.{TARGET_MINOR}-slim"
    assert dict(steps)["FROM"] == "${BASE_IMAGE}"


def test_the_three_services_are_confined_and_have_the_time_to_stop_that_pm2_gives_them() -> None:
    read = compose()
    patience = dict(re.findall(r'service\("(\S+)", "\S+", (\d+)000\)', (ROOT / "ecosystem.config.js").read_text()))
    assert tuple(read["services"]) == SERVICES
    for name, service in read["services"].items():
        assert (ROOT / service["command"][0]).is_file()
        assert service["stop_grace_period"] == f"{patience[name]}s"
        assert (service["stop_signal"], service["user"], service["read_only"]) == ("SIGINT", "1000:1000", True)
        assert (service["cap_drop"], service["network_mode"]) == (["ALL"], "host")
        assert not {"environment", "env_file", "privileged", "ports"} & set(service)
        assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).resolve().is_file()
        mounted = [volume.split(":") for volume in service["volumes"]]
        assert {name for name, _ in mounted} == set(read["volumes"])
        assert [place for _, place in mounted] == dict(instructions())["VOLUME"].split()


def test_the_probes_ask_the_ports_that_are_the_defaults_and_kubernetes_asks_the_same() -> None:
    wanted = {
        "tradingview-endpoint": f"http://127.0.0.1:{EngineSettings().webhook.port}/health",
        "bittensor-signals": f"http://127.0.0.1:{METRICS_PORTS['bittensor-signals']}/metrics",
    }
    assert all(wanted[name] in probes()[name][-1] for name in wanted)
    assert probes()["trade-engine"] == ["python", "-m", "commands", "status", "--check"]

    stateful = yaml.safe_load((DEPLOY / "kubernetes-example.yml").read_text())["spec"]
    pod = stateful["template"]["spec"]
    containers = {container["name"]: container for container in pod["containers"]}
    assert (stateful["replicas"], tuple(containers)) == (1, SERVICES)
    assert {name: container["args"] for name, container in containers.items()} == {
        name: service["command"] for name, service in compose()["services"].items()
    }
    last = {name: [*container.values()][-1]["exec"]["command"] for name, container in containers.items()}
    assert last == probes()
    places = {mount["mountPath"] for container in pod["containers"] for mount in container["volumeMounts"]}
    assert places == {*dict(instructions())["VOLUME"].split(), "/tmp"}  # noqa: S108 - of the container
    alive = containers["trade-engine"]["livenessProbe"]["exec"]["command"][-1]
    assert f"http://127.0.0.1:{EngineSettings().metrics.port}/metrics" in alive


@pytest.mark.full
@pytest.mark.process
@pytest.mark.timeout(900)
def test_the_documented_wheelhouse_is_enough_for_the_tree_of_the_image_to_run(tmp_path: Path) -> None:
    image = tmp_path / "app"
    copy_the_tree(image)
    fill_the_wheelhouse(image, tmp_path / "with-pip")
    wheelhouse = image / "deploy" / "wheelhouse"

    run(python_of_the_image(), "-m", "venv", str(tmp_path / "venv"))
    python = str(tmp_path / "venv" / "bin" / "python")
    offline = ("--no-index", f"--find-links={wheelhouse}", "--requirement", "requirements.txt")
    run(python, "-m", "pip", "install", "--quiet", *offline, cwd=image)
    run(python, "-m", "pip", "check", cwd=image)

    for script in [service["command"][0] for service in compose()["services"].values()]:
        assert "sage" in run(python, script, "--help", cwd=image)
    assert "status" in run(python, "-m", "commands", "--help", cwd=image)
    written = tmp_path / "data"
    written.mkdir()
    run(python, "-m", "commands", "init", "--paper", "--non-interactive", cwd=image, TRADE_ENGINE_HOME=str(written))
    run(python, "-m", "commands", "config", "check", cwd=image, TRADE_ENGINE_HOME=str(written))
    assert (written / "signal_weight_config.json").exists()


def copy_the_tree(place: Path) -> None:
    for name in copied():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, place / name)


def fill_the_wheelhouse(place: Path, environment: Path) -> None:
    """Run the documented line in a tree, with the pip of a new environment."""
    text = (ROOT / "docs" / "operating.md").read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^pip download .+$", text, re.MULTILINE)
    run(sys.executable, "-m", "venv", str(environment))
    run(str(environment / "bin" / "python"), "-m", *shlex.split(line), cwd=place)


def python_of_the_image() -> str:
    """An interpreter of the version that the image has; skips where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    name = f"3.{TARGET_MINOR}"
    found = shutil.which(f"python{name}"), *map(str, sorted(pyenv.glob(f"{name}.*/bin/python")))
    for candidate in filter(None, found):
        if subprocess.run([candidate, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0:  # noqa: S603 - an interpreter
            return candidate
    pytest.skip(f"no CPython {name} with ensurepip on PATH or in {pyenv}")


def run(*command: str, cwd: Path = ROOT, **variables: str) -> str:
    ended = attempt(*command, cwd=cwd, **variables)
    assert ended.returncode == 0, f"{command}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}"
    return ended.stdout


def attempt(*command: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    hidden = {"PYTHONPATH", "VIRTUAL_ENV", "TRADE_ENGINE_HOME"}
    environment = {name: text for name, text in os.environ.items() if name not in hidden} | variables
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[tuple[Services, Probes, dict[str, str]]]:
    """The services as compose starts them, and its probes, on free ports."""
    clock = WallClock()
    web, sn8_port = await serve_sn8(Sn8Server(Sn8World(5, clock.now(), 24), clock, {SN8_KEY: 100}), 0)
    home = write_defaults(tmp_path / "home", sn8_port)
    ports = {8000: free_port(), METRICS_PORTS["bittensor-signals"]: free_port()}
    webhook = {"port": ports[8000], "metrics_port": 0}
    write_atomically(home.engine_settings, format_json({"metrics": {"is_enabled": False}, "webhook": webhook}))
    scripts = {name: tuple(service["command"]) for name, service in compose()["services"].items()}
    scripts["bittensor-signals"] += ("--metrics-port", str(ports[METRICS_PORTS["bittensor-signals"]]))
    moved = {}
    for name, command in probes().items():
        moved[name] = [sys.executable, *command[1:]]
        for default, port in ports.items():
            moved[name][-1] = moved[name][-1].replace(f":{default}/", f":{port}/")
    services = Services([Service(name, arguments) for name, arguments in scripts.items()], home.path)
    await services.start()
    try:
        yield services, moved, {**os.environ, "TRADE_ENGINE_HOME": str(home.path)}
    finally:
        await services.stop()
        await web.cleanup()


@pytest.mark.full
@pytest.mark.process
async def test_every_probe_succeeds_while_its_service_works_and_fails_when_it_is_stopped(
    running: tuple[Services, Probes, dict[str, str]],
) -> None:
    services, commands, environment = running

    async def answers() -> dict[str, bool]:
        ended = {}
        for name, command in commands.items():
            child = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, env=environment,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            ended[name] = await child.wait() == 0
        return ended

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not all((await answers()).values()):
            services.check()
    await services.stop()
    assert await answers() == dict.fromkeys(SERVICES, False)


@dataclass(frozen=True)
class Built:
    """The image, built by podman-compose in a store of its own, and the tree it was built from."""

    work: Path

    @property
    def tree(self) -> Path:
        return self.work / "tree"

    def podman(self, *command: str) -> str:
        return run("podman", *command, cwd=self.tree, **self.variables)

    def compose(self, *command: str) -> str:
        program = str(self.work / "venv" / "bin" / "podman-compose")
        return run(program, "-f", "deploy/docker-compose.yml", *command, cwd=self.tree, **self.variables)

    @property
    def variables(self) -> dict[str, str]:
        names = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf", "TMPDIR": "tmp"}
        return {name: str(self.work / file) for name, file in names.items()}

    def prepare(self) -> None:
        """A store of its own, and no limit that a confined machine forbids to raise."""
        for name in ("tmp", "networks", "tree/deploy"):
            (self.work / name).mkdir(parents=True)
        storage = f'driver = "overlay"\nrunroot = "{self.work}/run"\ngraphroot = "{self.work}/graph"\n'
        (self.work / "storage.conf").write_text(f"[storage]\n{storage}")
        own = f'tmp_dir = "{self.work}/libpod"\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        limits = 'default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\nlog_driver = "k8s-file"\n'
        networks = f'[network]\nnetwork_config_dir = "{self.work}/networks"\n'
        (self.work / "containers.conf").write_text(f"[containers]\n{limits}[engine]\n{own}{networks}")

    def build(self) -> None:
        """A base from Debian in place of Docker Hub's, then the documented wheelhouse and build, without a network."""
        base = self.work / "base"
        packages = "--include=python3,python3-pip,python3-venv,ca-certificates"
        run("debootstrap", "--variant=minbase", packages, DEBIAN, str(base), "http://deb.debian.org/debian")
        (base / f"usr/lib/python3.{TARGET_MINOR}/EXTERNALLY-MANAGED").unlink()
        (base / "usr/bin/python").symlink_to("python3")
        run("tar", "-C", str(base), "-cf", str(self.work / "base.tar"), ".")
        self.podman("import", str(self.work / "base.tar"), "localhost/base")
        copy_the_tree(self.tree)
        for name in ("Dockerfile", "Dockerfile.dockerignore", "docker-compose.yml"):
            shutil.copy(DEPLOY / name, self.tree / "deploy" / name)
        for name in ("credentials.json", ".env", "deploy/secret", "state/key"):
            (self.tree / name).parent.mkdir(exist_ok=True)
            (self.tree / name).write_text(DECOY)
        fill_the_wheelhouse(self.tree, self.work / "venv")
        run(str(self.work / "venv" / "bin" / "pip"), "install", "--quiet", "podman-compose==1.6.0")
        # Podman of Debian 12 looks for no Dockerfile.dockerignore of its own accord.
        told = "--network none --ignorefile deploy/Dockerfile.dockerignore"
        self.compose(f"--podman-build-args={told}", "build", "--build-arg", "BASE_IMAGE=localhost/base")

    def remove(self) -> None:
        for command in (("rm", "--all", "--force"), ("volume", "rm", "--all", "--force"), ("rmi", "--all", "--force")):
            attempt("podman", *command, cwd=self.work, **self.variables)
        attempt("umount", str(self.work / "graph" / "overlay"))
        shutil.rmtree(self.work)


DEBIAN = "trixie"
"""The release whose python3 is the image's."""
DECOY = "a secret that must never be in an image"
CHILDREN = "[os.kill(int(p), {}) for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid())]"


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    missing = [name for name in ("podman", "runc", "catatonit", "debootstrap") if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"as root, with: apt-get install podman runc catatonit debootstrap (missing: {missing})")
    image = Built(Path(tempfile.mkdtemp(prefix="te-image-")))
    try:
        image.prepare()
        image.build()
        yield image
    finally:
        image.remove()


@pytest.mark.full
@pytest.mark.process
@pytest.mark.timeout(1500)
def test_the_image_built_without_a_network_holds_the_product_and_no_secret(built: Built) -> None:
    held = built.podman("run", "--rm", "trade-engine", "-c", "import os; print(os.getuid(), *os.listdir('/app'))")
    assert held.split()[0] == "1000"
    assert sorted(held.split()[1:]) == sorted(copied())
    archive = built.work / "image.tar"
    built.podman("save", "--output", str(archive), "trade-engine")
    content = archive.read_bytes()
    assert (ROOT / "execute_trades.py").read_bytes() in content
    assert DECOY.encode() not in content
    assert DECOY not in built.podman("history", "--no-trunc", "trade-engine")


@pytest.mark.full
@pytest.mark.process
@pytest.mark.timeout(1500)
async def test_the_services_of_the_built_image_run_confined_are_probed_and_stop_when_told(built: Built) -> None:
    clock = WallClock()
    web, sn8_port = await serve_sn8(Sn8Server(Sn8World(5, clock.now(), 24), clock, {SN8_KEY: 100}), 0)
    try:
        await asyncio.to_thread(live_in_containers, built, sn8_port)  # noqa: TID251 - it waits for other processes
    finally:
        await web.cleanup()


def live_in_containers(built: Built, sn8_port: int) -> None:
    """The documented commands on the compose file, with its ports moved to free ones."""
    file, probe, webhook = built.tree / "deploy" / "docker-compose.yml", free_port(), free_port()
    script = "signal_processors/bittensor_processor.py"
    moved = file.read_text().replace(":8000/", f":{webhook}/").replace(":9312/", f":{probe}/")
    file.write_text(moved.replace(f'"{script}"', f'"{script}", "--metrics-port", "{probe}"'))
    for name in SERVICES:
        assert "sage" in built.compose("run", "--rm", name, compose()["services"][name]["command"][0], "--help")
    built.compose("run", "--rm", "trade-engine", "-m", "commands", "init", "--paper", "--non-interactive")

    data = Path(built.podman("volume", "inspect", "--format", "{{.Mountpoint}}", "trade-engine_data").strip())
    home = write_defaults(data, sn8_port)
    ports = {"port": webhook, "metrics_port": 0}
    write_atomically(home.engine_settings, format_json({"metrics": {"is_enabled": False}, "webhook": ports}))
    for path in data.rglob("*"):
        os.chown(path, 1000, 1000)
    built.compose("run", "--rm", "trade-engine", "-m", "commands", "config", "check")

    built.compose("up", "-d", "--no-build")
    containers = {name: f"trade-engine_{name}_1" for name in SERVICES}
    until_probes_say(built, containers, healthy=True)
    for container in containers.values():
        status = built.podman("exec", container, "python", "-c", "print(open('/proc/self/status').read())")
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert (facts["Uid"].split()[0], int(facts["CapBnd"], 16), facts["NoNewPrivs"]) == ("1000", 0, "1")
        command = ("podman", "exec", container, "touch", "/app/x")
        assert "Read-only file system" in attempt(*command, cwd=built.tree, **built.variables).stderr
    engine = containers["trade-engine"]
    for signal, word, healthy in ((19, "halt", False), (18, "resume", True)):
        for container in containers.values():
            if container != engine:
                built.podman("exec", container, "python", "-c", f"import os; {CHILDREN.format(signal)}")
        built.podman("exec", engine, "python", "-m", "commands", word)
        until_probes_say(built, containers, healthy=healthy)

    built.compose("stop")
    states = {name: built.podman("inspect", "--format", "{{.State.ExitCode}}", box) for name, box in containers.items()}
    assert {name: state.strip() for name, state in states.items()} == dict.fromkeys(SERVICES, "0")
    logged = attempt("podman", "logs", engine, cwd=built.tree, **built.variables)
    assert "engine stopped" in logged.stdout + logged.stderr


def until_probes_say(built: Built, containers: dict[str, str], *, healthy: bool) -> None:
    def answer(container: str) -> bool:
        command = ("podman", "healthcheck", "run", container)
        return attempt(*command, cwd=built.tree, **built.variables).returncode == 0

    deadline = time.monotonic() + 2 * PATIENCE_SECONDS
    while (said := {name: answer(box) for name, box in containers.items()}) != dict.fromkeys(SERVICES, healthy):
        logs = {name: built.podman("logs", "--tail", "5", box) for name, box in containers.items()}
        assert time.monotonic() < deadline, f"probes say {said}, want {healthy}: {logs}"
