"""The provider against a server of our own that answers the documented routes of key/value version 2 and AppRole."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from config.home import Home
from config.key_providers.provider import Surroundings
from config.key_providers.vault import VaultKey
from config.secret_store import EncryptionHeader, SecretKey
from core.model.failures import InvalidConfig

TOKEN, ROLE, SECRET = "CANARY-token", "role-1", "CANARY-secret"


class DocumentedVault(ThreadingHTTPServer):
    """Routes and answers of developer.hashicorp.com/vault/api-docs; `outage` is answered to everything."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.versions: dict[str, list[dict[str, str] | None]] = {}
        self.requests: list[str] = []
        self.outage: tuple[int, bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: DocumentedVault

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, *_arguments: object) -> None:
        pass

    def _answer(self, body: object) -> None:
        url = urlsplit(self.path)
        self.server.requests.append(f"{self.command} {url.path}")
        if self.server.outage:
            self._send(*self.server.outage)
            return
        code, answer = self._route(url.path, parse_qs(url.query), body)
        self._send(code, json.dumps(answer).encode())

    def _send(self, code: int, content: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _route(self, path: str, query: dict[str, list[str]], body: object) -> tuple[int, dict[str, Any]]:
        if path == "/v1/auth/approle/login":
            if body == {"role_id": ROLE, "secret_id": SECRET}:
                return 200, {"auth": {"client_token": TOKEN, "lease_duration": 3600, "renewable": True}}
            return 400, {"errors": ["invalid role or secret ID"]}
        if self.headers.get("X-Vault-Token") != TOKEN:
            return 403, {"errors": ["permission denied"]}
        versions = self.server.versions.setdefault(path, [])
        if self.command == "POST":
            assert isinstance(body, dict)
            versions.append(body["data"])
            return 200, {"data": {"version": len(versions), "created_time": "2026-01-01T00:00:00Z", "destroyed": False}}
        number = int(query.get("version", ["0"])[0]) or len(versions)
        if not 1 <= number <= len(versions):
            return 404, {"errors": []}
        data = versions[number - 1]
        metadata = {"version": number, "deletion_time": "" if data else "2026-02-01T00:00:00Z", "destroyed": False}
        return (200 if data else 404), {"data": {"data": data, "metadata": metadata}}


@pytest.fixture
def vault() -> Iterator[DocumentedVault]:
    server = DocumentedVault()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def provider(home: Home, vault: DocumentedVault, **variables: str) -> VaultKey:
    given = variables or {"VAULT_TOKEN": TOKEN}
    return VaultKey(Surroundings(home, {"VAULT_ADDR": vault.address, **given}))


def header(key: SecretKey, **parameters: str | int) -> EncryptionHeader:
    return EncryptionHeader(version=1, provider="vault", key_id=key.key_id, parameters=parameters)


def test_every_rotation_is_a_version_and_older_ones_still_open(home: Home, vault: DocumentedVault) -> None:
    keeper = provider(home, vault)
    made = [keeper.make() for _ in range(2)]

    assert [parameters["version"] for _, parameters in made] == [1, 2]
    assert [keeper.find(header(key, **parameters)) for key, parameters in made] == [key for key, _ in made]
    assert vault.requests == ["POST /v1/secret/data/trade-engine"] * 2 + ["GET /v1/secret/data/trade-engine"] * 2


def test_mount_and_path_may_be_others(home: Home, vault: DocumentedVault) -> None:
    names = {"TRADE_ENGINE_VAULT_MOUNT": "kv", "TRADE_ENGINE_VAULT_PATH": "desk/engine"}
    key, parameters = provider(home, vault, VAULT_TOKEN=TOKEN, **names).make()

    assert provider(home, vault).find(header(key, **parameters)) == key
    assert list(vault.versions) == ["/v1/kv/data/desk/engine"]


def test_a_role_logs_in(home: Home, vault: DocumentedVault) -> None:
    key, parameters = provider(home, vault, VAULT_ROLE_ID=ROLE, VAULT_SECRET_ID=SECRET).make()

    assert vault.requests[0] == "POST /v1/auth/approle/login"
    assert provider(home, vault).find(header(key, **parameters)) == key


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"VAULT_TOKEN": "CANARY-wrong"}, "permission denied"),
        ({"VAULT_ROLE_ID": ROLE, "VAULT_SECRET_ID": "CANARY-wrong"}, "invalid role or secret ID"),
        ({"VAULT_NAMESPACE": "x"}, "no login is given"),
        ({"VAULT_TOKEN": TOKEN, "VAULT_ADDR": ""}, "no server is given"),
        ({"VAULT_TOKEN": TOKEN, "VAULT_ADDR": "http://127.0.0.1:1"}, "cannot be reached"),
    ],
)
def test_what_is_missing_or_refused_is_said_without_the_secret(
    home: Home, vault: DocumentedVault, variables: dict[str, str], problem: str
) -> None:
    with pytest.raises(InvalidConfig, match=problem) as caught:
        provider(home, vault, **variables).make()

    failure: BaseException | None = caught.value
    while failure:
        assert "CANARY" not in str(failure)
        failure = failure.__context__


@pytest.mark.parametrize(
    ("outage", "problem"),
    [
        ((503, b'{"errors": ["Vault is sealed"]}'), "sealed"),
        ((429, b'{"errors": ["rate limited"]}'), "rate limited"),
        ((200, b"<html>"), "does not answer|version"),
        ((200, b'{"data": null}'), "version"),
        ((307, b""), "version|Error"),
    ],
)
def test_a_server_that_does_not_answer_as_it_should_gives_no_key(
    home: Home, vault: DocumentedVault, outage: tuple[int, bytes], problem: str
) -> None:
    key, parameters = provider(home, vault).make()
    vault.outage = outage

    with pytest.raises(InvalidConfig, match=problem):
        provider(home, vault).make()
    with pytest.raises(InvalidConfig):
        provider(home, vault).find(header(key, **parameters))


def test_a_version_that_is_gone_or_holds_another_key_is_refused(home: Home, vault: DocumentedVault) -> None:
    keeper = provider(home, vault)
    first, parameters = keeper.make()
    other, _ = keeper.make()
    with pytest.raises(InvalidConfig, match="does not hold the key"):
        keeper.find(header(other, **parameters))

    vault.versions["/v1/secret/data/trade-engine"][0] = None
    with pytest.raises(InvalidConfig):
        keeper.find(header(first, **parameters))
    with pytest.raises(InvalidConfig):
        keeper.find(header(first, **{**parameters, "version": 7}))
    with pytest.raises(InvalidConfig, match="damaged"):
        keeper.find(header(first, mount="secret"))
