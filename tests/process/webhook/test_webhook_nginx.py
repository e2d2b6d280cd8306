"""The written nginx files in front of the endpoint, under Debian's nginx, with a made authority and certificates."""

import asyncio
import json
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from config.home import Home
from operations.wall_clock import WallClock
from signal_endpoints.domain_files import FOLDER_NAME, Places, set_up_domain

pytestmark = [pytest.mark.process, pytest.mark.system("nginx")]

DOMAIN = "tv.example.com"
LONG = {"symbol": "ETHUSDT", "direction": "long", "action": "buy", "leverage": "3", "size": "5.8/100"}
MakeEndpoint = Callable[..., Awaitable[Any]]


class Authority:
    """Signs certificates, as a public authority does."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        self.certificate = builder.sign(self._key, hashes.SHA256())
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, file: str, attributes: dict[Any, str], usage: Any, host: str = "") -> tuple[Path, Path]:  # noqa: ANN401
        """Write a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(oid, text) for oid, text in attributes.items()])
        builder = self._builder(name, key).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        paths = self._folder / f"{file}.pem", self._folder / f"{file}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = WallClock().now()
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
        )


TRADINGVIEW = {
    NameOID.COUNTRY_NAME: "US",
    NameOID.STATE_OR_PROVINCE_NAME: "Ohio",
    NameOID.LOCALITY_NAME: "Westerville",
    NameOID.ORGANIZATION_NAME: "TradingView, Inc.",
    NameOID.COMMON_NAME: "TradingView Webhooks",
}


@dataclass
class Front:
    """nginx, and the certificates of those who speak to it."""

    folder: Path
    http_port: int
    https_port: int
    authority: Authority
    clients: dict[str, tuple[Path, Path]]
    endpoint_port: int
    endpoint_pid: int = 0

    def context(self, client: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if client:
            context.load_cert_chain(*map(str, self.clients[client]))
        return context

    async def post(self, client: str, body: bytes, **how: Any) -> tuple[int, bytes]:  # noqa: ANN401
        """POST as one client."""
        url = f"https://127.0.0.1:{self.https_port}{how.pop('path', '/')}"
        connector = aiohttp.TCPConnector(ssl=self.context(client))
        headers = {"Host": DOMAIN} | how.pop("headers", {})
        async with aiohttp.ClientSession(connector=connector) as session:
            request = session.request(
                how.pop("method", "POST"), url, data=body, headers=headers, server_hostname=DOMAIN
            )
            async with request as answer:
                return answer.status, await answer.read()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def front(tmp_path: Path) -> Front:
    folder = tmp_path / "front"
    certificates = folder / "live" / DOMAIN
    certificates.mkdir(parents=True)
    authority, stranger = Authority(folder, "authority"), Authority(folder, "stranger")
    server = authority.issue("server", {NameOID.COMMON_NAME: DOMAIN}, ExtendedKeyUsageOID.SERVER_AUTH, DOMAIN)
    server[0].rename(certificates / "fullchain.pem")
    server[1].rename(certificates / "privkey.pem")
    client = ExtendedKeyUsageOID.CLIENT_AUTH
    clients = {
        "tradingview": authority.issue("tradingview", TRADINGVIEW, client),
        "other name": authority.issue("other", TRADINGVIEW | {NameOID.COMMON_NAME: "Other"}, client),
        "other firm": authority.issue("firm", TRADINGVIEW | {NameOID.ORGANIZATION_NAME: "Evil, Inc."}, client),
        "other authority": stranger.issue("forged", TRADINGVIEW, client),
    }
    ports = free_port(), free_port()
    home, endpoint_port = Home(tmp_path), free_port()
    settings = {"webhook": {"port": endpoint_port, "sender_addresses": ["127.0.0.1"]}}
    home.engine_settings.write_text(json.dumps(settings))
    set_up_domain(home, DOMAIN, Places(*ports, str(folder / "live"), str(authority.path), str(folder)))
    files = tmp_path / FOLDER_NAME
    scratch = "".join(f"{kind}_temp_path {folder};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid;\nerror_log {folder}/main.log;\nevents {{}}\nhttp {{\naccess_log off;\n{scratch}"
        f"include {files}/*.conf;\n}}\n"
    )
    os.chmod(tmp_path, 0o755)  # noqa: PTH101, S103 - nginx's workers must reach it
    return Front(folder, *ports, authority, clients, endpoint_port)


@pytest.fixture
async def nginx(front: Front) -> AsyncIterator[Front]:
    command = ["nginx", "-p", str(front.folder), "-c", str(front.folder / "nginx.conf")]
    check = await asyncio.create_subprocess_exec(*command, "-t", stderr=asyncio.subprocess.PIPE)
    complaint = (await check.communicate())[1]
    assert check.returncode == 0, complaint
    process = await asyncio.create_subprocess_exec(*command, "-g", "daemon off;", stderr=asyncio.subprocess.PIPE)
    try:
        await _listens(front.https_port)
        yield front
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()


async def _listens(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(ConnectionRefusedError):
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def running(nginx: Front, run_endpoint: MakeEndpoint) -> Front:
    endpoint = await run_endpoint(port=nginx.endpoint_port)
    assert endpoint.process.returncode is None, endpoint.output
    nginx.endpoint_pid = endpoint.process.pid
    return nginx


async def test_an_alert_passes_and_everything_else_is_cut_at_the_front(running: Front) -> None:
    alert = json.dumps(LONG).encode()

    status, body = await running.post("tradingview", alert)
    assert (status, json.loads(body)["result"]) == (200, "applied")
    spoofed = await running.post("tradingview", alert, headers={"X-Forwarded-For": "8.8.8.8", "Via": "1.1 x"})
    assert (spoofed[0], json.loads(spoofed[1])["result"]) == (200, "duplicate")

    refused = {client: (await running.post(client, alert))[0] for client in ("", "other name", "other firm")}
    assert refused == {"": 403, "other name": 403, "other firm": 403}
    assert (await running.post("other authority", alert))[0] in {400, 403}
    assert (await running.post("tradingview", alert, headers={"Origin": "https://evil.example"}))[0] == 403
    assert (await running.post("tradingview", b"x" * 17_000))[0] == 413
    assert (await running.post("tradingview", b"", method="GET"))[0] == 405
    assert (await running.post("tradingview", b"", method="GET", path="/health"))[0] == 404
    plain = f"http://127.0.0.1:{running.http_port}/"
    async with aiohttp.ClientSession() as session, session.post(plain, data=alert, headers={"Host": DOMAIN}) as answer:
        assert answer.status == 403
    log = (running.folder / "tradingview-webhook.refused.log").read_text()
    assert log.count(" 403 ") >= 4
    assert "POST" not in log


async def test_an_alert_enters_no_connection_that_the_endpoint_may_be_closing(nginx: Front) -> None:
    heads: list[bytes] = []

    async def keep_open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(keep_open, "127.0.0.1", nginx.endpoint_port):
        assert await nginx.post("tradingview", b"{}") == (200, b"ok")

    assert b"\r\nconnection: close\r\n" in heads[0].lower()


async def test_a_slow_sender_is_cut_at_the_front(running: Front) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", running.https_port, ssl=running.context("tradingview"), server_hostname=DOMAIN
    )
    writer.write(f"POST / HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Length: 100\r\n\r\n{{".encode())
    await writer.drain()

    async with asyncio.timeout(30):
        said = await reader.read()

    assert said == b"" or b" 408 " in said
    writer.close()


async def test_a_late_or_missing_endpoint_is_answered_so_that_tradingview_sends_again(running: Front) -> None:
    status = await running.post("tradingview", json.dumps(LONG).encode())
    assert status[0] == 200
    os.kill(running.endpoint_pid, signal.SIGSTOP)
    try:
        assert (await running.post("tradingview", json.dumps(LONG | {"price": 1}).encode()))[0] == 503
    finally:
        os.kill(running.endpoint_pid, signal.SIGCONT)
