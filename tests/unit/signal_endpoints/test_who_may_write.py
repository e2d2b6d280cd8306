import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.home import Home
from config.webhook_keys import add_key, load_keys, revoke_key, save_keys
from core.model.failures import InvalidConfig, InvalidInput, StorageFailure
from signal_endpoints.in_process import request
from signal_endpoints.tradingview_service import TradingViewService
from signal_endpoints.webhook_config import LOOK_SECONDS
from simulation.webhook_world import NOON, SetClock, WebhookWorld, webhook_world

LONG = {"symbol": "ETHUSDT", "direction": "long", "action": "buy", "leverage": "3", "size": "5.8/100"}
DOMAIN = b"tv.example.com"


def make_keys(home: Home, *strategies: str) -> list[str]:
    keys, texts = load_keys(home) or (), []
    for strategy in strategies:
        keys, text = add_key(keys, strategy, NOON)
        texts.append(text)
    save_keys(home, keys)
    return texts


def set_webhook(home: Home, **settings: object) -> None:
    home.engine_settings.write_text(json.dumps({"webhook": settings}))


def traces(home: Home, told: list[Any]) -> str:
    files = (path for path in home.path.rglob("*") if path.is_file() and path != home.webhook_keys)
    return "".join(path.read_text() for path in files) + repr(told)


async def test_without_keys_anyone_on_this_machine_may_write_and_the_frame_says_so(endpoint: WebhookWorld) -> None:
    assert (await endpoint.post(LONG)).status == 200
    assert endpoint.frame().authenticated is False


async def test_with_keys_only_a_valid_one_writes_and_it_is_kept_nowhere(endpoint: WebhookWorld) -> None:
    key, other = make_keys(endpoint.home, "trend", "trend")

    assert (await endpoint.post(LONG)).status == 401
    assert (await endpoint.post(LONG | {"key": key.swapcase().replace("TEK_", "tek_")})).status == 401
    assert (await endpoint.post(LONG | {"key": key + "A"})).status == 401
    assert (await endpoint.post(LONG | {"key": "A" + key})).status == 401
    assert endpoint.records() == []
    first, second = await endpoint.post(LONG | {"key": key}), await endpoint.post(LONG | {"note": other})

    assert (first.status, second.status) == (200, 200)
    assert endpoint.frame().authenticated
    assert endpoint.service.refused["the key is missing or not valid"] >= 2
    kept = traces(endpoint.home, endpoint.told.events)
    assert key not in kept
    assert other not in kept
    assert [record.content["strategy"] for record in endpoint.records()] == ["trend", "trend"]


async def test_a_key_can_be_rotated_without_a_gap(endpoint: WebhookWorld) -> None:
    (old,) = make_keys(endpoint.home, "trend")
    assert (await endpoint.post(LONG | {"key": old})).status == 200
    (new,) = make_keys(endpoint.home, "trend")
    assert (await endpoint.post(LONG | {"key": old, "price": "1"})).status == 200
    assert (await endpoint.post(LONG | {"key": new, "price": "2"})).status == 200

    save_keys(endpoint.home, revoke_key(load_keys(endpoint.home) or (), "k1"))

    assert (await endpoint.post(LONG | {"key": old, "price": "3"})).status == 401
    assert (await endpoint.post(LONG | {"key": new, "price": "4"})).status == 200


async def test_when_the_last_key_is_revoked_nobody_may_write(endpoint: WebhookWorld) -> None:
    (key,) = make_keys(endpoint.home, "trend")
    save_keys(endpoint.home, revoke_key(load_keys(endpoint.home) or (), "k1"))

    assert (await endpoint.post(LONG | {"key": key})).status == 401
    assert (await endpoint.post(LONG)).status == 401


async def test_a_damaged_or_vanished_key_file_leaves_the_last_keys_in_force(endpoint: WebhookWorld) -> None:
    (key,) = make_keys(endpoint.home, "trend")
    await endpoint.post(LONG | {"key": key})
    for damage in (lambda: endpoint.home.webhook_keys.write_text("{"), endpoint.home.webhook_keys.unlink):
        damage()
        assert (await endpoint.post(LONG)).status == 401
        assert (await endpoint.post(LONG | {"key": key})).status == 200
        assert endpoint.service.health()["status"] == "failed"


async def test_a_damaged_key_file_stops_the_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for content in (
        "{",
        '{"version": 2, "keys": []}',
        '{"version": 1, "keys": [{"id": "k1", "strategy": "a", "sha256": "x", "made_at": "2026-01-01T00:00:00Z"}]}',
    ):
        home.webhook_keys.write_text(content)
        with pytest.raises(InvalidConfig):
            async with webhook_world(home, SetClock()):
                pass


async def test_a_key_in_the_path_adds_to_the_one_in_the_body_and_is_enough_only_when_allowed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    trend, swing = make_keys(home, "trend", "swing")
    for allowed in (False, True):
        set_webhook(home, allow_path_token=allowed)
        async with webhook_world(home, SetClock()) as endpoint:
            assert (await endpoint.post(LONG, path=f"/{trend}")).status == (200 if allowed else 401)
            assert (await endpoint.post(LONG | {"key": trend}, path=f"/{trend}")).status == 200
            assert (await endpoint.post(LONG | {"key": swing}, path=f"/{trend}")).status == 401
            assert (await endpoint.post(LONG | {"key": trend}, path="/guess")).status == 401
            assert trend not in traces(home, endpoint.told.events)


async def test_what_was_said_without_a_key_is_taken_back_once_keys_are_required(tmp_path: Path) -> None:
    home, clock = Home(tmp_path), SetClock()
    async with webhook_world(home, clock) as endpoint:
        await endpoint.post(LONG)
    make_keys(home, "trend")

    async with webhook_world(home, clock) as endpoint:
        assert endpoint.depths() == {"ETHUSDT": 0}
        assert endpoint.frame().authenticated
        assert endpoint.records()[-1].content["verdict"] == "retired"
    async with webhook_world(home, clock) as endpoint:
        assert endpoint.depths() == {"ETHUSDT": 0}
        assert len(endpoint.records()) == 2


async def test_as_long_as_that_could_not_be_stored_the_frame_counts_as_unauthenticated(tmp_path: Path) -> None:
    home, clock, failing = Home(tmp_path), SetClock(), True

    async def disk(commit: Callable[[], None]) -> None:
        if failing:
            raise StorageFailure("no space left")
        commit()

    async with webhook_world(home, clock) as endpoint:
        await endpoint.post(LONG)
    make_keys(home, "trend")

    async with webhook_world(home, clock, disk) as endpoint:
        assert not endpoint.frame().authenticated
        failing = False
        await endpoint.service.processor._keep_house()
        await endpoint.service.processor._publisher.publish()
        assert endpoint.frame().authenticated
        assert endpoint.depths() == {"ETHUSDT": 0}


@pytest.mark.parametrize("account", [{"api_key": "k" * 20, "api_secret": "s" * 20}])
async def test_an_account_that_is_not_paper_needs_a_key(tmp_path: Path, account: dict[str, str]) -> None:
    home = Home(tmp_path)
    home.credentials.write_text(json.dumps({"bybit": account}))
    home.credentials.chmod(0o600)
    async with webhook_world(home, SetClock()) as endpoint:
        assert "./engine webhook keys add" in endpoint.service.config.missing_key()
        make_keys(home, "trend")
        assert endpoint.service.config.missing_key() == ""
        save_keys(home, ())
        assert endpoint.service.config.missing_key() != ""


async def test_accounts_that_cannot_be_read_need_a_key(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.credentials.write_text("{")
    async with webhook_world(home, SetClock()) as endpoint:
        assert "cannot be read" in endpoint.service.config.missing_key()


@pytest.mark.parametrize(
    "header",
    [
        (b"origin", b"https://evil.example"),
        (b"sec-fetch-site", b"cross-site"),
        (b"forwarded", b"for=1.2.3.4"),
        (b"via", b"1.1 proxy"),
        (b"x-forwarded-for", b"52.89.214.238"),
        (b"x-forwarded-proto", b"https"),
        (b"x-real-ip", b"52.89.214.238"),
        (b"cf-connecting-ip", b"52.89.214.238"),
    ],
)
async def test_a_browser_or_an_undeclared_proxy_is_refused_and_counted(
    endpoint: WebhookWorld, header: tuple[bytes, bytes]
) -> None:
    answer = await endpoint.post(LONG, headers=(header, (b"content-type", b"text/plain")))

    assert (answer.status, endpoint.records()) == (403, [])
    assert sum(endpoint.service.refused.values()) == 1


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"127.0.0.1:8000", 200),
        (b"127.0.0.1", 200),
        (b"localhost:8123", 200),
        (b"[::1]:8000", 200),
        (b"evil.example", 403),
        (b"127.0.0.1.evil.example", 403),
        (b"tv.example.com", 403),
        (b"", 403),
    ],
)
async def test_a_request_to_another_host_name_is_refused(endpoint: WebhookWorld, host: bytes, status: int) -> None:
    assert (await endpoint.post(LONG, host=host)).status == status


async def test_two_host_headers_or_none_are_refused(endpoint: WebhookWorld) -> None:
    own = (b"host", b"127.0.0.1")

    assert (await request(endpoint.app, b"{}", headers=(own, own))).status == 403
    assert (await request(endpoint.app, b"{}", headers=())).status == 403


async def test_the_declared_proxy_is_believed_about_one_hop_and_the_declared_senders(tmp_path: Path) -> None:
    home = Home(tmp_path)
    set_webhook(home, domain=DOMAIN.decode(), proxy_addresses=["127.0.0.1"])
    async with webhook_world(home, SetClock()) as endpoint:

        async def through(*headers: tuple[bytes, bytes], peer: str = "127.0.0.1") -> int:
            return (await endpoint.post(LONG, headers=headers, host=DOMAIN, peer=peer)).status

        sender, stranger = (b"x-forwarded-for", b"52.89.214.238"), (b"x-forwarded-for", b"8.8.8.8")
        assert await through(sender) == 200
        assert await through(stranger) == 403
        assert await through((b"x-forwarded-for", b"8.8.8.8, 52.89.214.238")) == 403
        assert await through(sender, stranger) == 403
        assert await through(sender, peer="10.0.0.9") == 403
        assert await through(sender, (b"origin", b"https://tv.example.com")) == 403
        assert await through() == 200, "a message of this machine itself, past the proxy"
        assert [record.content["verdict"] for record in endpoint.records()] == ["applied", "duplicate"]


async def test_without_declared_senders_the_proxy_must_still_name_exactly_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    set_webhook(home, proxy_addresses=["127.0.0.1"], sender_addresses=[])
    async with webhook_world(home, SetClock()) as endpoint:
        for address, status in ((b"8.8.8.8", 200), (b"8.8.8.8, 9.9.9.9", 403), (b"", 403)):
            answer = await endpoint.post(LONG, headers=((b"x-forwarded-for", address),))
            assert answer.status == status


async def test_one_address_that_is_refused_too_often_is_told_to_wait_but_its_valid_key_still_writes(
    endpoint: WebhookWorld,
) -> None:
    (key,) = make_keys(endpoint.home, "trend")
    statuses = [(await endpoint.post(LONG)).status for _ in range(35)]

    assert statuses == [401] * 30 + [429] * 5
    assert len(endpoint.told.named("caller refused")) == 30
    assert (await endpoint.post(LONG, peer="127.0.0.9")).status == 401
    assert (await endpoint.post(LONG | {"key": key})).status == 200


async def test_there_is_no_documentation_and_no_schema_on_the_public_application(endpoint: WebhookWorld) -> None:
    for path in ("/docs", "/redoc", "/openapi.json", "/metrics"):
        assert (await request(endpoint.app, method="GET", path=path)).status == 404
    assert (await request(endpoint.app, method="GET", path="/")).status in {404, 405}
    assert (await request(endpoint.app, method="PUT", path="/", body=b"{}")).status in {404, 405}


async def test_health_says_how_it_is_without_saying_what_is_traded(endpoint: WebhookWorld) -> None:
    await endpoint.post(LONG)

    answer = await request(endpoint.app, method="GET", path="/health")

    assert json.loads(answer.body) == {
        "status": "ok",
        "authenticated": False,
        "records": 1,
        "messages": {"applied": 1},
        "refused": {},
        "warnings": 0,
        "disk": {"free_bytes": None, "is_low": None, "is_writable": None},
        "clock": {"difference_seconds": None, "is_off": None},
    }


async def test_settings_are_followed_within_a_second_and_an_invalid_edit_changes_nothing(
    endpoint: WebhookWorld,
) -> None:
    assert LOOK_SECONDS <= 1
    assert (await endpoint.post(LONG)).status == 200
    for content, status in ((json.dumps({"webhook": {"max_leverage": 2}}), 422), ("{", 422)):
        endpoint.home.engine_settings.write_text(content)
        endpoint.service.config._looked_at = float("-inf")
        assert (await endpoint.post(LONG | {"price": len(content)})).status == status
    assert endpoint.service.health()["status"] == "failed"


def test_a_strategy_needs_a_usable_name() -> None:
    for name in ("", "Trend", "unauthenticated", "a b"):
        with pytest.raises(InvalidInput):
            add_key((), name, NOON)


def test_keys_are_long_random_and_stored_as_hashes_in_a_private_file(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first, second = make_keys(home, "trend", "trend")

    assert first != second
    assert len(first) >= 47, "256 bits and a prefix"
    content = home.webhook_keys.read_text()
    assert first not in content
    assert first.removeprefix("tek_") not in content
    assert home.webhook_keys.stat().st_mode & 0o777 == 0o600


def test_the_service_asks_for_its_files_only_when_it_is_entered(tmp_path: Path) -> None:
    service = TradingViewService(Home(tmp_path / "none"), SetClock(), None)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        service.rules()
