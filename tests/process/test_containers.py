"""The files for containers, as far as they can be tried without a container engine: what an image would get and run."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
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
    assert dict(steps)["ARG"] == f"PYTHON=3.{TARGET_MINOR}"


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
    text = (ROOT / "docs" / "operating.md").read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^pip download .+$", text, re.MULTILINE)
    wheelhouse, image = tmp_path / "wheelhouse", tmp_path / "app"
    download = shlex.split(line.replace("deploy/wheelhouse", str(wheelhouse)))
    run(sys.executable, "-m", "venv", str(tmp_path / "with-pip"))
    run(str(tmp_path / "with-pip" / "bin" / "python"), "-m", *download, cwd=ROOT)
    for name in copied():
        source, place = ROOT / name, image / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)

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
    hidden = {"PYTHONPATH", "VIRTUAL_ENV", "TRADE_ENGINE_HOME"}
    environment = {name: text for name, text in os.environ.items() if name not in hidden} | variables
    ended = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert ended.returncode == 0, f"{command}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}"
    return ended.stdout


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
