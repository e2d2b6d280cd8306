"""From a signal to its acknowledged orders, as ratios to the yardstick of the same run."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal

from benchmarks.calls import fewest_calls
from benchmarks.desk import COINS, EXCHANGES, Desk, Scale, connect_accounts, open_accounts, open_desk
from benchmarks.exchange_process import RATE, Exchanges, serve_exchanges
from benchmarks.yardstick import BareClient, Took, Waves, waves_of
from operations.logs import StructuredTelemetry

NO_DELAY = dict.fromkeys(EXCHANGES, 0.0)
TROUBLED, HEALTHY = EXCHANGES[-1], EXCHANGES[:-1]
SLOW_FACTOR = 10
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Move:
    """One action and what it asks of every symbol."""

    name: str
    depth: Decimal
    orders: int


MOVES = (
    Move("open", Decimal("0.5"), 1),
    Move("resize", Decimal("0.6"), 1),
    Move("flip", Decimal("-0.6"), 2),
    Move("close", Decimal(0), 1),
    Move("no-op", Decimal(0), 0),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One action at one scale and delay; medians.

    Attributes:
        scale: Accounts x symbols.
        delay_ms: Of every answer.
        action: Its name.
        first_ratio: Until the first acknowledged order, engine over yardstick.
        last_ratio: Until the last one.
        last_ms: Until the last one, of the engine.
        cpu_ratio: Processor time until everything is proven, engine over yardstick with the same look-ups and reads.
        cpu_ms: The same per order, of the engine.
        cpu_to_last_ratio: Until the last order; the engine has looked up most orders by then, the yardstick none.
        proven_ms: Until everything is proven.
        calls: Over the fewest that the rules of truth allow, all accounts together.
        rate_refusals: How often an exchange refused for rate, in all rounds.
    """

    scale: str
    delay_ms: int
    action: str
    first_ratio: float
    last_ratio: float
    last_ms: float
    cpu_ratio: float
    cpu_ms: float
    cpu_to_last_ratio: float
    proven_ms: float
    calls: float
    rate_refusals: int


async def measure_latency(scales: Sequence[Scale], delays_ms: Sequence[int], rounds: int, tell: Tell) -> list[Row]:
    """The table of an exchange without limits, so that the engine alone is measured.

    Args:
        scales: Accounts and symbols.
        delays_ms: Of every answer.
        rounds: Whose medians count, engine and yardstick in turn.
        tell: Progress.
    """
    rows: list[Row] = []
    for scale in scales:
        async with AsyncExitStack() as stack:
            exchanges = await stack.enter_async_context(serve_exchanges(COINS, is_limited=False))
            desk = await stack.enter_async_context(open_desk(exchanges, scale, "engine", keeps_budgets=False))
            bare = await _bare_client(exchanges, desk)
            stack.push_async_callback(bare.close)
            waves = await _warm_up(desk, bare)
            for delay_ms in delays_ms:
                tell(f"{scale}, {delay_ms} ms")
                await exchanges.delay(dict.fromkeys(EXCHANGES, delay_ms / 1000))
                rows += await _rounds(exchanges, desk, bare, waves, delay_ms, rounds)
    return rows


async def _bare_client(exchanges: Exchanges, desk: Desk) -> BareClient:
    accounts = await open_accounts(exchanges, desk.scale, "bare")
    connected = connect_accounts(accounts, StructuredTelemetry("bench"), keeps_budgets=False)
    names = [str(exchange.account) for exchange in desk.exchanges]
    return BareClient(dict(zip(names, connected, strict=True)))


async def _warm_up(desk: Desk, bare: BareClient) -> dict[str, dict[str, Waves]]:
    """Set every leverage, open every connection, and learn what the engine sends."""
    waves: dict[str, dict[str, Waves]] = {}
    for is_learning in (False, True):
        for move in MOVES:
            await desk.act(move.depth, move.orders)
            sent = list(desk.tap.asked)
            if is_learning:
                waves[move.name] = waves_of(sent)
            else:
                await bare.send_all(one for one in sent if one.method == "POST")
    return waves


async def _rounds(
    exchanges: Exchanges,
    desk: Desk,
    bare: BareClient,
    waves: dict[str, dict[str, Waves]],
    delay_ms: int,
    rounds: int,
) -> list[Row]:
    pairs: dict[str, list[tuple[Took, Took]]] = {move.name: [] for move in MOVES}
    calls: dict[str, list[int]] = {move.name: [] for move in MOVES}
    refusals: dict[str, int] = dict.fromkeys(pairs, 0)
    for _ in range(rounds):
        for move in MOVES:
            await exchanges.counts()
            engine = await desk.act(move.depth, move.orders)
            made, refused = await exchanges.counts()
            pairs[move.name].append((engine, await bare.replay(waves[move.name])))
            calls[move.name].append(sum(made.values()))
            refusals[move.name] += sum(_for_rate(refused).values())
    return [_row(desk.scale, delay_ms, move, pairs[move.name], calls[move.name], refusals[move.name]) for move in MOVES]


def _row(
    scale: Scale, delay_ms: int, move: Move, pairs: Sequence[tuple[Took, Took]], calls: Sequence[int], refusals: int
) -> Row:
    def median(of: Callable[[Took, Took], float]) -> float:
        return statistics.median(of(engine, bare) for engine, bare in pairs)

    orders = max(1, move.orders * scale.accounts * scale.symbols)
    fewest = sum(
        fewest_calls(exchange, move.orders, scale.symbols, has_increase=move.depth != 0)
        for exchange, _ in scale.account_keys
    )
    return Row(
        scale=str(scale),
        delay_ms=delay_ms,
        action=move.name,
        first_ratio=median(lambda engine, bare: engine.first_seconds / bare.first_seconds),
        last_ratio=median(lambda engine, bare: engine.last_seconds / bare.last_seconds),
        last_ms=1e3 * median(lambda engine, _: engine.last_seconds),
        cpu_ratio=median(lambda engine, bare: engine.whole_cpu_seconds / bare.whole_cpu_seconds),
        cpu_ms=1e3 * median(lambda engine, _: engine.whole_cpu_seconds) / orders,
        cpu_to_last_ratio=median(lambda engine, bare: engine.cpu_seconds / bare.cpu_seconds),
        proven_ms=1e3 * median(lambda engine, _: engine.whole_seconds),
        calls=statistics.median(calls) / fewest,
        rate_refusals=refusals,
    )


@dataclass(frozen=True, slots=True)
class Limited:
    """One action in front of exchanges that enforce their published limits."""

    scale: str
    action: str
    last_seconds: float
    proven_seconds: float
    rate_refusals: int
    refused_by: str
    other_refusals: int


async def measure_limited(scales: Sequence[Scale], delay_ms: int, tell: Tell) -> list[Limited]:
    """The same with published limits in force, and the adapters' own pace: no call may be refused for rate."""
    rows: list[Limited] = []
    for scale in scales:
        tell(f"{scale}, {delay_ms} ms, published limits")
        async with AsyncExitStack() as stack:
            exchanges = await stack.enter_async_context(serve_exchanges(COINS, is_limited=True))
            desk = await stack.enter_async_context(open_desk(exchanges, scale, "limited", keeps_budgets=True))
            await exchanges.delay(dict.fromkeys(EXCHANGES, delay_ms / 1000))
            for move in MOVES:
                await exchanges.counts()
                took = await desk.act(move.depth, move.orders)
                _, refused = await exchanges.counts()
                rate = _for_rate(refused)
                others = sum(refused.values()) - sum(rate.values())
                rows.append(
                    Limited(
                        str(scale),
                        move.name,
                        took.last_seconds,
                        took.whole_seconds,
                        sum(rate.values()),
                        ", ".join(sorted(rate)),
                        others,
                    )
                )
    return rows


def _for_rate(refused: Mapping[str, int]) -> dict[str, int]:
    """The refusals for rate, by exchange."""
    return {why.removeprefix(RATE): count for why, count in refused.items() if why.startswith(RATE)}


@dataclass(frozen=True, slots=True)
class Sequential:
    """The same build with accounts and symbols strictly one after the other, and side by side."""

    scale: str
    delay_ms: int
    sequential_seconds: float
    parallel_seconds: float

    @property
    def saved(self) -> float:
        """Share of the time that is saved."""
        return 1 - self.parallel_seconds / self.sequential_seconds


async def measure_sequential(scale: Scale, delay_ms: int, tell: Tell) -> Sequential:
    """Open everything twice: one account after the other, one symbol at a time, and as the engine does."""
    tell(f"{scale}, {delay_ms} ms, one after the other")
    async with AsyncExitStack() as stack:
        exchanges = await stack.enter_async_context(serve_exchanges(COINS, is_limited=False))
        seconds = {}
        for at_once in (1, 10):
            label = f"at-once-{at_once}"
            desk = await stack.enter_async_context(
                open_desk(exchanges, scale, label, keeps_budgets=False, symbols_at_once=at_once)
            )
            await exchanges.delay(NO_DELAY)
            for move in MOVES:
                await desk.act(move.depth, move.orders)
            await exchanges.delay(dict.fromkeys(EXCHANGES, delay_ms / 1000))
            took = await desk.act_in_turn(Decimal("0.5")) if at_once == 1 else await desk.act(Decimal("0.5"), 1)
            seconds[at_once] = took.whole_seconds
    return Sequential(str(scale), delay_ms, seconds[1], seconds[10])


@dataclass(frozen=True, slots=True)
class Isolation:
    """Time until three exchanges' last acknowledged order beside a fourth in trouble, over the same three's before."""

    trouble: str
    ratio: float


async def measure_isolation(scale: Scale, delay_ms: int, rounds: int, tell: Tell) -> list[Isolation]:
    """One exchange ten times slower, then hanging; the others are timed.

    Args:
        scale: Accounts and symbols.
        delay_ms: Of a healthy exchange.
        rounds: Whose medians count.
        tell: Progress.
    """
    tell(f"{scale}, {delay_ms} ms, one exchange in trouble")
    well = dict.fromkeys(EXCHANGES, delay_ms / 1000)
    rows: list[Isolation] = []
    for trouble in ("ten times slower", "hanging"):
        async with AsyncExitStack() as stack:
            exchanges = await stack.enter_async_context(serve_exchanges(COINS, is_limited=False))
            desk = await stack.enter_async_context(open_desk(exchanges, scale, "apart", keeps_budgets=False))
            for move in MOVES:
                await desk.act(move.depth, move.orders)
            await exchanges.delay(well)
            before = [await _open_and_close(desk, EXCHANGES) for _ in range(rounds)]
            if trouble == "hanging":
                await exchanges.hang(TROUBLED)
            else:
                await exchanges.delay({**well, TROUBLED: well[TROUBLED] * SLOW_FACTOR})
            after = [await _open_and_close(desk, HEALTHY) for _ in range(rounds)]
            rows.append(Isolation(trouble, statistics.median(after) / statistics.median(before)))
    return rows


async def _open_and_close(desk: Desk, waited_for: Sequence[str]) -> float:
    """The seconds of the healthy alone, whoever is waited for: three are compared with the same three."""
    return sum([await desk.act_on(depth, HEALTHY, waited_for) for depth in (Decimal("0.5"), Decimal(0))])
