"""Where prices come from: the walk, a recorded file, and the live exchanges, which need a network."""

import asyncio
import importlib
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import ccxt.async_support as ccxt
import pytest

from core.model.failures import InvalidConfig, InvalidInput
from paper.exchange import PaperExchange
from paper.live_prices import LivePrices
from paper.markets import COINS, markets_of
from paper.prices import RecordedPrices, SeededWalk
from paper.rules import EXCHANGE_NAMES
from paper.world import World
from simulation.paper_clients import SteadyClock

HOUR_MS = 3_600_000
AT_MS = 1_772_443_800_000


def test_the_walk_stands_still_within_a_step_and_moves_between_steps() -> None:
    walk = SeededWalk(1, COINS, step_seconds=2)

    assert walk.price("BTC", AT_MS) == walk.price("BTC", AT_MS + 1_999)
    assert walk.price("BTC", AT_MS) != walk.price("BTC", AT_MS + 2_000)
    assert walk.moment(AT_MS) + 1 == walk.moment(AT_MS + 2_000)


def test_the_walk_moves_more_over_longer_times_and_never_runs_away() -> None:
    walk = SeededWalk(1, COINS)

    def typical_move(step_ms: int) -> float:
        prices = [walk.price("ETH", AT_MS + number * step_ms) for number in range(200)]
        return sum(abs(b / a - 1) for a, b in pairwise(prices)) / 199

    assert 0 < typical_move(1_000) < typical_move(60_000) < typical_move(HOUR_MS) < 0.05
    assert all(0.7 < walk.price("ETH", AT_MS + day * 24 * HOUR_MS) / 3_100 < 1.4 for day in range(300))


def test_the_walk_answers_the_same_whatever_was_asked_before() -> None:
    asked = SeededWalk(3, COINS)
    moments = [AT_MS + shift for shift in (0, 1_000, 2_000, -24 * HOUR_MS, 3_000, 61_000, 60_000, 62_000)]

    for at_ms in moments:
        assert asked.price("SOL", at_ms) == SeededWalk(3, COINS).price("SOL", at_ms)


def test_the_four_exchanges_share_one_world_with_small_differences(clock: SteadyClock) -> None:
    world = World(clock)
    lasts = []
    for name in EXCHANGE_NAMES:
        market = next(market for market in markets_of(name).values() if market.coin == "SOL")
        quote = world.quote(name, market, world.now_ms())
        assert quote.bid < quote.last < quote.ask
        assert all(price % market.tick == 0 for price in (quote.bid, quote.last, quote.ask, quote.mark))
        lasts.append(quote.last)

    assert len(set(lasts)) > 1
    assert max(lasts) / min(lasts) < Decimal("1.001")


def test_a_thousandfold_coin_costs_a_thousand_times_as_much(clock: SteadyClock) -> None:
    world = World(clock)
    bybit, kucoin = PaperExchange("bybit", world), PaperExchange("kucoin", world)

    assert round(bybit.quote("1000PEPEUSDT").last / kucoin.quote("PEPEUSDTM").last) == 1_000


def test_a_book_is_ordered_repeats_within_a_step_and_has_whole_lots(clock: SteadyClock) -> None:
    exchange = PaperExchange("kucoin", World(clock))
    bids, asks = list(exchange.levels("XBTUSDTM", "bid")), list(exchange.levels("XBTUSDTM", "ask"))

    assert [level.price for level in bids] == sorted((level.price for level in bids), reverse=True)
    assert [level.price for level in asks] == sorted(level.price for level in asks)
    assert bids[0].price < asks[0].price
    assert bids == list(exchange.levels("XBTUSDTM", "bid"))
    assert all(level.quantity % 1 == 0 for level in bids + asks)


def test_a_recorded_file_is_played_at_its_own_times(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("time,coin,price\n2026-03-02T09:30:00+00:00,BTC,100\n1772443860000,BTC,110\n1772443860000,ETH,5\n")
    recorded = RecordedPrices(path)

    assert recorded.price("BTC", AT_MS - 1) == 100
    assert recorded.price("BTC", AT_MS + 59_999) == 100
    assert recorded.price("BTC", AT_MS + 60_000) == 110
    assert recorded.moment(AT_MS) != recorded.moment(AT_MS + 60_000)


def test_candles_are_read_by_their_close_and_can_begin_now(tmp_path: Path, clock: SteadyClock) -> None:
    path = tmp_path / "candles.csv"
    path.write_text("time,coin,open,high,low,close\n1600000000000,BTC,1,2,1,100\n1600000060000,BTC,1,2,1,120\n")
    world = World(clock, source=RecordedPrices(path, begin_ms=AT_MS))

    first = world.index("BTC", world.now_ms())
    clock.pass_seconds(60)

    assert (first, world.index("BTC", world.now_ms())) == (Decimal(100), Decimal(120))
    assert [coin.name for coin in world.coins] == ["BTC"]
    assert list(PaperExchange("bybit", world).markets) == ["BTCUSDT"]


def test_a_time_without_a_zone_is_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        path = tmp_path / "prices.csv"
        path.write_text("time,coin,price\n2026-03-02 09:30:00,BTC,100\n2026-03-02T10:30:00Z,BTC,110\n")
        recorded = RecordedPrices(path)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert recorded.moment(AT_MS) == 1
    assert recorded.moment(AT_MS - 1) == 0


def test_a_parquet_file_is_the_same_recording_as_its_csv(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs the history extra")
    parquet = importlib.import_module("pyarrow.parquet")
    moments = [datetime(2026, 3, 2, 9, 30, tzinfo=UTC), datetime(2026, 3, 2, 9, 31, tzinfo=UTC)]
    table = pyarrow.table(
        {
            "time": pyarrow.array(moments, pyarrow.timestamp("us", "UTC")),
            "coin": ["BTC", "ETH"],
            "volume": [1.0, 2.0],
            "close": pyarrow.array([Decimal("100.50"), Decimal("5.25")], pyarrow.decimal128(10, 2)),
        }
    )
    parquet.write_table(table, tmp_path / "candles.parquet")
    (tmp_path / "candles.csv").write_text(
        "time,coin,close\n2026-03-02T09:30:00+00:00,BTC,100.50\n2026-03-02T09:31:00+00:00,ETH,5.25\n"
    )

    first, second = (RecordedPrices(tmp_path / f"candles.{kind}") for kind in ("parquet", "csv"))

    for at_ms in (AT_MS - 1, AT_MS, AT_MS + 60_000):
        assert first.moment(at_ms) == second.moment(at_ms)
        assert [first.price(coin, at_ms) for coin in ("BTC", "ETH")] == [100.5, 5.25]
        assert [second.price(coin, at_ms) for coin in ("BTC", "ETH")] == [100.5, 5.25]


def test_a_bad_row_of_a_parquet_file_is_named(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs the history extra")
    path = tmp_path / "prices.parquet"
    table = pyarrow.table({"time": [1, 2], "coin": ["BTC", "BTC"], "price": [1.0, float("nan")]})
    importlib.import_module("pyarrow.parquet").write_table(table, path)

    with pytest.raises(InvalidConfig, match="row 2 price"):
        RecordedPrices(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InvalidConfig, match=r"prices\.parquet: cannot be read"):
        RecordedPrices(path)


def test_without_the_extra_a_parquet_file_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(InvalidConfig, match=r"needs the history extra\. Run uv sync --extra history, or give CSV"):
        RecordedPrices(tmp_path / "prices.parquet")


@pytest.mark.parametrize(
    ("row", "field"),
    [("x,BTC,1", "time"), ("1,,1", "coin"), ("1,BTC,", "price"), ("1,BTC,-1", "price"), ("1,BTC,NaN", "price")],
)
def test_a_bad_row_is_named_by_line_and_field(tmp_path: Path, row: str, field: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(f"time,coin,price\n1,BTC,1\n{row}\n")

    with pytest.raises(InvalidConfig, match=rf"line 3 {field}"):
        RecordedPrices(path)


def test_a_missing_or_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="cannot be read"):
        RecordedPrices(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("time,coin,price\n")
    with pytest.raises(InvalidConfig, match="holds no prices"):
        RecordedPrices(tmp_path / "empty.csv")


class Unreachable:
    """A live exchange behind a network that is not there."""

    id = "bybit"

    def __init__(self) -> None:
        self.is_closed = False

    async def fetch_tickers(self) -> dict[str, object]:
        raise ccxt.ExchangeNotAvailable("no route")

    async def close(self) -> None:
        self.is_closed = True


async def test_live_prices_without_a_network_are_refused_with_the_alternatives() -> None:
    client = Unreachable()

    with pytest.raises(InvalidInput, match=r"bybit cannot be reached.*seeded walk.*recorded file"):
        await LivePrices(COINS, client).start()

    assert client.is_closed


async def test_live_prices_follow_an_exchange_through_ccxt(bybit: ccxt.bybit) -> None:
    live = LivePrices(COINS, bybit)
    await live.start()
    try:
        assert live.price("BTC", 0) == pytest.approx(60_000, rel=0.001)
        assert live.price("PEPE", 0) == pytest.approx(0.00000842, rel=0.5)
        assert live.knows("KAS")
        assert live.moment(0) == 1
    finally:
        await live.stop()
        await asyncio.sleep(0)
