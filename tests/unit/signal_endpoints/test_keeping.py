"""What was answered 200 is kept, acts once, and is all there is to say after a restart."""

import asyncio
import json
import os
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from config.home import Home
from config.webhook_keys import add_key, save_keys
from core.model.failures import StorageFailure
from signal_processors.records import RecordInUse
from simulation.virtual_time import VirtualClock, VirtualLoop
from simulation.webhook_world import NOON, SetClock, WebhookWorld, webhook_world

LONG = {"symbol": "ETHUSDT", "direction": "long", "action": "buy", "leverage": "3", "size": "5.8/100"}
SHORT = {"symbol": "ETHUSDT", "direction": "short", "action": "sell", "leverage": "5", "size": "7.5/100"}
EXIT = {"symbol": "ETHUSDT", "direction": "flat", "action": "sell", "size": "Exit @ 3263.55"}
D = Decimal


def verdicts(endpoint: WebhookWorld) -> list[str]:
    return [record.content["verdict"] for record in endpoint.records()]


async def settled(endpoint: WebhookWorld) -> None:
    """Let the frame be written."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert endpoint.frame().signals == endpoint.service.processor.frame().signals


async def test_a_restart_ends_where_it_began_with_or_without_a_snapshot(tmp_path: Path) -> None:
    home, clock = Home(tmp_path), SetClock()
    async with webhook_world(home, clock) as endpoint:
        for message in (LONG, EXIT, SHORT, SHORT, LONG | {"symbol": "BTCUSDT", "event_id": "e1"}, b"{"):
            await endpoint.post(message)
        await settled(endpoint)
        frame = endpoint.frame()
    for damage in (None, "unlink", "torn"):
        path = home.raw_signals("tradingview") / "state.json"
        if damage == "unlink":
            path.unlink()
        elif damage == "torn":
            path.write_bytes(path.read_bytes()[:-5])
        async with webhook_world(home, clock) as endpoint:
            assert endpoint.frame() == frame
            assert (await endpoint.post(LONG | {"symbol": "BTCUSDT", "event_id": "e1"})).body.count(b"duplicate")
            told = endpoint.told.named("record damaged")
            assert bool(told) == (damage == "torn")
    assert (tmp_path / "raw_signals/tradingview/state.json.damaged").exists()


async def test_a_kill_between_record_and_frame_loses_nothing(tmp_path: Path) -> None:
    home, clock = Home(tmp_path), SetClock()
    async with webhook_world(home, clock) as endpoint:
        await endpoint.post(LONG)
        folder = home.raw_signals("tradingview")
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        await endpoint.post(EXIT | {"price": 1})
        await settled(endpoint)
    day = next(folder.glob("*.jsonl")).name
    for name in ("state.json", "depths.json"):
        if name in before:
            (folder / name).write_bytes(before[name])
        else:
            (folder / name).unlink()
    assert (folder / day).read_bytes() != before[day]

    async with webhook_world(home, clock) as endpoint:
        assert endpoint.depths() == {"ETHUSDT": D(0)}
        assert endpoint.frame().sequence == 2


class FailingDisk:
    """A committer whose next commits fail after nothing was written."""

    def __init__(self) -> None:
        self.failures = 0

    async def __call__(self, commit: Callable[[], None]) -> None:
        if self.failures:
            self.failures -= 1
            raise StorageFailure("no space left")
        commit()


async def test_a_message_that_was_not_stored_is_answered_503_and_its_resend_acts(tmp_path: Path) -> None:
    disk = FailingDisk()
    async with webhook_world(Home(tmp_path), SetClock(), disk) as endpoint:
        disk.failures = 1
        assert (await endpoint.post(LONG)).status == 503
        assert (endpoint.records(), endpoint.depths()) == ([], {})

        answer = await endpoint.post(LONG)

        assert (answer.status, verdicts(endpoint)) == (200, ["applied"])
        assert endpoint.depths() == {"ETHUSDT": D("0.058")}


async def test_messages_that_wait_together_are_judged_in_the_order_of_their_records(tmp_path: Path) -> None:
    async with webhook_world(Home(tmp_path), SetClock()) as endpoint:
        answers = await asyncio.gather(
            *(endpoint.post(LONG) for _ in range(3)), endpoint.post(EXIT), endpoint.post(LONG)
        )

        assert [json.loads(answer.body)["result"] for answer in answers] == [
            "applied", "duplicate", "duplicate", "applied", "ambiguous resend",
        ]  # fmt: skip
        assert endpoint.depths() == {"ETHUSDT": D(0)}


async def test_a_caller_who_leaves_while_the_disk_is_busy_does_not_undo_the_message(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def slow_disk(commit: Callable[[], None]) -> None:
        await gate.wait()
        commit()

    async with webhook_world(Home(tmp_path), SetClock(), slow_disk) as endpoint:
        post = asyncio.create_task(endpoint.post(LONG))
        await asyncio.sleep(0.01)
        post.cancel()
        await asyncio.wait([post])
        gate.set()
        await asyncio.sleep(0.01)

        assert verdicts(endpoint) == ["applied"]
        assert endpoint.depths() == {"ETHUSDT": D("0.058")}


async def test_everything_authenticated_is_kept_raw_also_when_it_is_refused(endpoint: WebhookWorld) -> None:
    answer = await endpoint.post(b'{"symbol": "ETHUSDT", \xff')

    assert answer.status == 422
    (record,) = endpoint.records()
    assert record.content["verdict"] == "refused"
    assert record.content["body"].startswith('{"symbol": "ETHUSDT"')
    assert endpoint.service.health()["messages"] == {"refused": 1}


async def test_fault_84_a_pair_is_ordered_across_midnight_and_across_files(tmp_path: Path) -> None:
    clock = SetClock(datetime(2026, 3, 1, 23, 59, 50, tzinfo=UTC))
    async with webhook_world(Home(tmp_path), clock) as endpoint:
        await endpoint.post(LONG)
        clock.move(8)
        # The open of the short overtook the exit of the long.
        await endpoint.post(SHORT)
        clock.move(4)
        await endpoint.post(EXIT)

        assert endpoint.depths() == {"ETHUSDT": D("-0.075")}
        assert len(list((tmp_path / "raw_signals/tradingview").glob("*.jsonl"))) == 2
        last = endpoint.records()[-1].content
        assert (last["verdict"], last["basis"]) == ("older", "prior state")
        assert "it was long before" in last["note"]


@pytest.mark.parametrize(
    ("before", "action", "depth", "verdict", "basis"),
    [
        (LONG, "sell", "-0.075", "applied", "prior state"),
        # An exit that buys leaves a short: beside a long in force it is the exit of the short that arrived behind it.
        (LONG, "buy", "0", "older", "prior state"),
        (SHORT, "buy", "0", "held", "flat is safe"),
        (EXIT, "sell", "0", "held", "flat is safe"),
        (EXIT, "buy", "0", "held", "flat is safe"),
    ],
)
def test_a_short_two_seconds_behind_a_flat_without_ids(
    tmp_path: Path, before: dict[str, str], action: str, depth: str, verdict: str, basis: str
) -> None:
    async def story() -> None:
        async with webhook_world(Home(tmp_path), VirtualClock(asyncio.get_running_loop())) as endpoint:
            await endpoint.post(before)
            await asyncio.sleep(30)
            await endpoint.post(EXIT | {"action": action, "price": "2"})
            await asyncio.sleep(2)
            answer = await endpoint.post(SHORT | {"price": "3"})

            assert answer.status == 200
            last = endpoint.records()[-1].content
            assert (last["verdict"], last["basis"]) == (verdict, basis)
            assert endpoint.depths() == {"ETHUSDT": D(depth)}
            assert bool(endpoint.service.processor.book.held()) is (verdict == "held")

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(story())


async def test_the_other_source_is_never_asked(endpoint: WebhookWorld) -> None:
    depths = endpoint.home.account_depths
    depths.write_text(json.dumps({"bybit": {"ETHUSDT": "0.5"}}))
    other = endpoint.home.depths("bittensor")
    other.parent.mkdir(parents=True)
    other.write_text("{}")

    await endpoint.post(LONG)
    await endpoint.post(EXIT)

    assert endpoint.depths() == {"ETHUSDT": D(0)}


async def test_what_is_held_is_said_until_the_next_alert(endpoint: WebhookWorld, clock: SetClock) -> None:
    await endpoint.post(LONG)
    clock.move(60)
    lane = endpoint.service.processor.book.lanes
    assert lane
    await endpoint.post(EXIT)
    await endpoint.post(LONG | {"size": "6/100"})
    assert verdicts(endpoint)[-1] == "held"
    await endpoint.service.processor._publisher.publish()
    assert (endpoint.frame().status, "is held beside a flat" in endpoint.frame().reason) == ("degraded", True)

    await endpoint.post(LONG | {"size": "6/100", "event_id": "again"})
    await endpoint.service.processor._publisher.publish()
    assert endpoint.depths() == {"ETHUSDT": D(0)}, "still within 5 s of the flat"


async def test_strategies_add_up_and_neither_closes_the_other(tmp_path: Path) -> None:
    home = Home(tmp_path)
    keys, trend = add_key((), "trend", NOON)
    keys, swing = add_key(keys, "swing", NOON)
    save_keys(home, keys)
    async with webhook_world(home, SetClock()) as endpoint:
        await endpoint.post(LONG | {"key": trend})
        await endpoint.post(SHORT | {"key": swing, "leverage": 2})
        assert endpoint.depths() == {"ETHUSDT": D("-0.017")}
        assert endpoint.service.processor.frame().signals[0].leverage == 2
        await endpoint.post(EXIT | {"key": swing, "action": "buy"})
        assert endpoint.depths() == {"ETHUSDT": D("0.058")}
        await endpoint.post(LONG | {"key": trend, "size": "80/100"})
        await endpoint.post(LONG | {"key": swing, "size": "80/100", "symbol": "ETHUSDT", "event_id": "1"})
        assert max(endpoint.depths().values()) <= 1


async def test_a_symbol_that_is_not_mapped_is_refused_but_the_exit_of_what_it_opened_is_taken(tmp_path: Path) -> None:
    home = Home(tmp_path)
    async with webhook_world(home, SetClock()) as endpoint:
        await endpoint.post(LONG)
        home.asset_mapping.write_text(json.dumps({"tradingview": {"BTCUSDT": "BTCUSDT"}}))

        refused = await endpoint.post(LONG | {"price": 1})
        assert (refused.status, b"not mapped" in refused.body) == (422, True)
        assert (await endpoint.post(EXIT | {"symbol": "SOLUSDT"})).status == 422
        assert (await endpoint.post(EXIT)).status == 200
        assert (await endpoint.post(LONG | {"symbol": "btcusdt"})).status == 200
        assert endpoint.depths() == {"ETHUSDT": D(0), "BTCUSDT": D("0.058")}

        home.asset_mapping.unlink()
        assert (await endpoint.post(LONG | {"price": 2})).status == 422, "a mapping that vanished stays in force"
        assert "asset_mapping_config.json" in endpoint.service.config.problem()


async def test_an_alert_for_a_pair_that_was_mapped_a_moment_ago_is_taken(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.asset_mapping.write_text(json.dumps({"tradingview": {"BTCUSDT": "BTCUSDT"}}))
    async with webhook_world(home, SetClock()) as endpoint:
        assert (await endpoint.post(LONG)).status == 422
        home.asset_mapping.write_text(json.dumps({"tradingview": {"BTCUSDT": "BTCUSDT", "ETHUSDT": "ETHUSDT"}}))
        assert (await endpoint.post(LONG)).status == 200


async def test_a_second_endpoint_in_the_same_home_does_not_start(endpoint: WebhookWorld) -> None:
    with pytest.raises(RecordInUse):
        async with webhook_world(endpoint.home, SetClock()):
            pass


async def test_torn_and_altered_records_are_told_and_hide_nothing_after_them(tmp_path: Path) -> None:
    home, clock = Home(tmp_path), SetClock()
    async with webhook_world(home, clock) as endpoint:
        for price in (1, 2, 3):
            await endpoint.post(LONG | {"price": price, "size": f"{price}/100"})
    folder = home.raw_signals("tradingview")
    (day,) = folder.glob("*.jsonl")
    lines = day.read_bytes().splitlines(keepends=True)
    foreign = b'{"crc":"%08x","length":%d,"record":%b}\n'
    payload = b'{"sequence":9,"received_at":"2026-03-01T12:00:00+00:00","strategy":7}'
    day.write_bytes(
        lines[0]
        + b"garbage\n"
        + lines[1].replace(b"0.02", b"0.99")
        + foreign % (zlib.crc32(payload), len(payload), payload)
        + lines[2][:-20]
    )
    (folder / "state.json").unlink()

    async with webhook_world(home, clock) as endpoint:
        assert len(endpoint.told.named("record damaged")) == 4
        assert endpoint.depths() == {"ETHUSDT": D("0.01")}
        await endpoint.post(LONG | {"price": 4, "size": "4/100"})
    (folder / "state.json").unlink()
    async with webhook_world(home, clock) as endpoint:
        assert endpoint.depths() == {"ETHUSDT": D("0.04")}


def virtually(story: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(story())  # type: ignore[arg-type]


def test_the_heart_beats_every_10_s_without_a_new_sequence(tmp_path: Path) -> None:
    async def story() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        async with webhook_world(Home(tmp_path), clock) as endpoint:
            await endpoint.post(LONG)
            await asyncio.sleep(0.1)
            first = endpoint.frame()
            await asyncio.sleep(25)
            later = endpoint.frame()
            assert later.heartbeat_at - first.heartbeat_at == timedelta(seconds=20) or (
                timedelta(seconds=19) < later.heartbeat_at - first.heartbeat_at < timedelta(seconds=21)
            )
            assert (later.sequence, later.written_at, later.signals) == (
                first.sequence, first.written_at, first.signals,
            )  # fmt: skip

    virtually(story)


def test_a_strategy_that_should_have_spoken_is_named_and_a_heartbeat_is_enough(tmp_path: Path) -> None:
    async def story() -> None:
        home, clock = Home(tmp_path), VirtualClock(asyncio.get_running_loop())
        keys, key = add_key((), "trend", clock.now(), rhythm_minutes=1)
        save_keys(home, keys)
        async with webhook_world(home, clock) as endpoint:
            await asyncio.sleep(130)
            assert endpoint.frame().reason == "trend should have spoken 1 minutes ago"
            assert endpoint.service.processor.overdue_minutes()["trend"] > 1
            assert endpoint.service.health()["warnings"] == 1
            assert json.loads((await endpoint.post({"heartbeat": True, "key": key})).body)["result"] == "heartbeat"
            assert endpoint.service.processor.overdue_minutes() == {"trend": 0}
            await asyncio.sleep(55)
            assert (endpoint.frame().status, endpoint.frame().signals) == ("ok", ())

    virtually(story)


async def test_days_pass_and_only_ids_older_than_a_week_are_forgotten(tmp_path: Path) -> None:
    home, clock = Home(tmp_path), SetClock()
    folder = home.raw_signals("tradingview")
    btc = {"symbol": "BTCUSDT", "event_id": "b1"}
    async with webhook_world(home, clock) as endpoint:

        async def pass_days(days: int) -> None:
            for _ in range(days):
                clock.move(86_400)
                await endpoint.post({"symbol": "SOLUSDT", "direction": "flat", "event_id": str(clock.at)})
                await endpoint.service.processor._keep_house()

        await endpoint.post(LONG | {"event_id": "long"})
        await endpoint.post(LONG | btc)
        await pass_days(5)
        assert len(list(folder.glob("*.jsonl.zip"))) == 2
        assert endpoint.depths()["ETHUSDT"] == D("0.058")
        assert len(endpoint.records()) == 7
        await endpoint.post(EXIT | {"symbol": "BTCUSDT", "event_id": "b2"})
        assert b"duplicate" in (await endpoint.post(LONG | btc)).body

        clock.move(2 * 86_400 + 1)

        assert b"duplicate" not in (await endpoint.post(LONG | btc)).body
        assert b"duplicate" in (await endpoint.post(LONG | {"event_id": "long"})).body, "it is in force"


def test_a_step_of_the_clock_changes_no_order(tmp_path: Path) -> None:
    async def story() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        async with webhook_world(Home(tmp_path), clock) as endpoint:
            await endpoint.post(LONG)
            clock.step(-3600)
            await asyncio.sleep(30)
            await endpoint.post(EXIT)
            assert endpoint.depths() == {"ETHUSDT": D(0)}
            clock.step(7200)
            assert b"duplicate" in (await endpoint.post(EXIT)).body
            await asyncio.sleep(25)
            await endpoint.post(LONG)
            assert endpoint.depths() == {"ETHUSDT": D("0.058")}

    virtually(story)


async def test_a_frame_that_cannot_be_written_is_told_and_written_later(tmp_path: Path) -> None:
    home = Home(tmp_path)
    async with webhook_world(home, SetClock()) as endpoint:
        home.depths("tradingview").unlink()
        home.depths("tradingview").mkdir()
        assert (await endpoint.post(LONG)).status == 200
        await asyncio.sleep(0.01)
        assert endpoint.told.named("frame not written")
        assert endpoint.service.health()["status"] == "failed"
        os.rmdir(home.depths("tradingview"))  # noqa: PTH106
        await endpoint.service.processor._publisher.publish()
        assert endpoint.frame().signals[0].depth == D("0.058")
        assert endpoint.service.health()["status"] == "ok"
