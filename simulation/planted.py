"""The checker's own test: one-line bugs, each planted into a copy of the real files, to be caught in 60 CPU-seconds.

The numbers are those of the catalogue of failures that practice has shown; 0 stands for rules of our own. What nobody
catches stays in the list and is reported as such.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Planted:
    """One bug.

    Attributes:
        number: In the catalogue of failures.
        name: What the engine then does wrong.
        path: The file.
        sound: The text there, which occurs once.
        broken: What takes its place.
        aims: Aimed lives that are tried first; after them all others, crash points and random lives.
        is_error: Whether the program itself is expected to fail, at the start or by rule 0; of any other bug that is no
            catch.
    """

    number: int
    name: str
    path: str
    sound: str
    broken: str
    aims: Sequence[str] = ()
    is_error: bool = False


PLANTED: tuple[Planted, ...] = (
    Planted(
        1,
        "a failed read of positions counts as flat",
        "account_processors/ccxt_base.py",
        "        return await self._read(lambda: self._positions(listing.value))",
        "        read = await self._read(lambda: self._positions(listing.value))\n"
        "        return Known({}, self._clock.now()) if isinstance(read, Unknown) else read",
        ("positions unreadable",),
    ),
    Planted(
        3,
        "a read that fails in the middle of a flip counts as the target reached",
        "core/symbol_worker.py",
        "            if isinstance(held, Unknown):\n                return self._stopped(held,",
        "            if isinstance(held, Unknown) and orders and decision:\n"
        "                held = Known(decision.quantity, self._clock.now())\n"
        "                return await self._conclude(held, decision, Plan(()), '', orders, around)\n"
        "            if isinstance(held, Unknown):\n                return self._stopped(held,",
        ("positions unreadable in the middle of a flip",),
    ),
    Planted(
        4,
        "an error inside an answer of 200 is not looked at",
        "account_processors/ccxt_client.py",
        "        if not envelope.ok:",
        "        if False:",
        ("errors beside empty lists in answers of 200",),
    ),
    Planted(
        5,
        "a lost order goes out again under a new id",
        "core/plan_executor.py",
        "        lost = find_resendable(ledger, intent)",
        "        lost = None",
        ("an order that neither look-ups nor positions show for a while",),
    ),
    Planted(
        6,
        "an order that is not found at once counts as never arrived",
        "core/plan_executor.py",
        "        return waited_seconds >= self._exchange.capabilities.not_found_after_seconds",
        "        return waited_seconds >= 0.0",
        ("orders late while the target changes",),
    ),
    Planted(
        7,
        "a close is not reduce-only",
        "core/decisions/make_intent.py",
        "        reduce_only=trade.purpose.is_reduction,",
        "        reduce_only=False,",
        ("liquidated before the close",),
    ),
    Planted(
        9,
        "a read is believed although it does not show our last fill",
        "core/decisions/judge_position.py",
        "    if abs(held - ledger.owned) < instrument.lot_step:",
        "    if True:",
        ("positions late",),
    ),
    Planted(
        10,
        "an exchange that knows the id already is taken for one that refused the order",
        "core/plan_executor.py",
        " and outcome.reason is not RefusalReason.DUPLICATE_CLIENT_ORDER_ID:",
        ":",
        ("an order that neither look-ups nor positions show for a while",),
    ),
    Planted(
        12,
        "an accepted order counts as filled",
        "core/plan_executor.py",
        "            if report.state.is_final:\n"
        "                await self._note_settled(intent, report.signed_fill, report)",
        "            if report:\n                await self._note_settled(intent, intent.signed_quantity, report)\n"
        "                return Settled(intent.signed_quantity)",
        ("orders in parts", "orders accepted before they fill"),
    ),
    Planted(
        17,
        "an increase goes out although the leverage could not be set",
        "core/settings_keeper.py",
        "        leverage_differs = settings.value.leverage not in (None, leverage)",
        "        leverage_differs = False",
        ("leverage cannot be set",),
    ),
    Planted(
        20,
        "a flip that was interrupted after its close counts as done",
        "core/symbol_worker.py",
        "            plan = reconcile(held.value, target, around.instrument, price)",
        "            plan = reconcile(held.value, target, around.instrument, price)\n"
        "            is_done = bool(self._ledger.last_fill_at) or self._ledger.is_confirmed\n"
        "            if not orders and held.value == ZERO and is_done:\n"
        "                plan = Plan(())",
        ("positions unreadable in the middle of a flip", "crash points flip"),
    ),
    Planted(
        20,
        "a flip opens without proof that the old side is closed",
        "core/symbol_worker.py",
        "                plan.trades[0],\n",
        "                plan.trades[-1],\n",
        ("answers lost",),
    ),
    Planted(
        22,
        "a position without its size counts as none",
        "account_processors/bybit.py",
        '    size = row.decimal("size")',
        '    size = row.optional_decimal("size")',
        ("positions without their size",),
    ),
    Planted(
        23,
        "only the first page of the positions is read",
        "account_processors/bybit.py",
        "            if not next_cursor:",
        "            if True:",
        ("positions on several pages",),
    ),
    Planted(
        42,
        "a failure that proves nothing counts as a refusal",
        "account_processors/outcomes.py",
        "    return UnknownOutcome(failure.detail)",
        "    return RefusedOutcome(RefusalReason.RATE_LIMITED, failure.detail)",
        ("answers lost",),
    ),
    Planted(
        43,
        "a create is tried again below our own layer",
        "account_processors/ccxt_client.py",
        "                return await self._translated(call, send)\n        except TimeoutError:",
        "                try:\n                    return await self._translated(call, send)\n"
        "                except CallFailed:\n                    return await self._translated(call, send)\n"
        "        except TimeoutError:",
        ("orders late", "answers lost"),
    ),
    Planted(
        46,
        "a resend of an earlier alert overrides the newer one",
        "signal_processors/tradingview_lane.py",
        "    if word.digest not in fresh:",
        "    if True:",
        ("an earlier alert again",),
    ),
    Planted(
        50,
        "an alert is answered 200 and then not used",
        "signal_processors/tradingview_lane.py",
        "    if latest.moment.until(word.moment) > PAIR_SECONDS:\n        return Judgement(Verdict.APPLIED",
        "    if latest.moment.until(word.moment) > PAIR_SECONDS:\n        return Judgement(Verdict.OLDER",
        ("an earlier alert again",),
    ),
    Planted(
        58,
        "an alert is answered before it is on the disk",
        "signal_processors/records.py",
        "            os.fdatasync(self._descriptor)",
        "            pass",
        ("crash points open",),
    ),
    Planted(
        64,
        "a source that is silent for days is followed for ever",
        "core/decisions/judge_source.py",
        "        use = SourceUse.FLATTEN if policy.on_stale is OnStale.FLATTEN else SourceUse.HOLD",
        "        use = SourceUse.HOLD",
        ("the network is silent for a day",),
    ),
    Planted(
        66,
        "all positions of all miners vanish and the depths follow at once",
        "signal_processors/bittensor_guard.py",
        "    if share < settings.fall_share or (",
        "    if True or (",
        ("open positions vanish",),
    ),
    Planted(
        70,
        "an edit that is not valid counts as an empty one",
        "config/last_good.py",
        "            raise error\n        return self._in_force[1]",
        "            raise error\n        last = self._in_force[1]\n"
        "        return {} if isinstance(last, dict) else type(last)('', (), {})",
        ("edits",),
    ),
    Planted(
        75,
        "a symbol that is removed from the weights is forgotten with its position",
        "core/decisions/account_targets.py",
        "        if symbol not in wanted and not is_left_alone and has_history(ledger)",
        "        if False and not is_left_alone and has_history(ledger)",
        ("edits",),
    ),
    Planted(
        76,
        "a symbol may stand twice in the weights",
        "config/schemas/weights.py",
        "    repeated = first_repeated([entry.symbol for entry in entries])",
        "    repeated = None",
        ("edits",),
    ),
    Planted(
        79,
        "what was in flight at a crash is not asked for at the start",
        "core/model/ledger.py",
        "        return tuple(record for record in self.orders if record.is_unsettled)",
        "        return ()",
        ("answers lost", "crash points flip"),
    ),
    Planted(
        82,
        "two engines may run on the same data",
        "operations/engine_lock.py",
        "            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "            pass",
        ("a second engine",),
    ),
    Planted(
        0,
        "a change of sign is one order through zero",
        "core/decisions/reconcile.py",
        "    if held * target < ZERO:",
        "    if False:",
        ("answers lost",),
    ),
    Planted(
        0,
        "targets are acted on only when the signals changed",
        "core/account_worker.py",
        "        targets = self._targets\n        self._next_pass_seconds",
        "        targets, self._targets = self._targets, None\n        self._next_pass_seconds",
        ("leverage cannot be set",),
    ),
    Planted(
        0,
        "what settles an order is kept in two writes instead of one",
        "operations/journal_file.py",
        "        return await self._try_to_write(self._fold(events))",
        "        owned = {(one.account, one.symbol): self.ledger(one.account, one.symbol).owned for one in events}\n"
        "        rows = self._fold(events)\n"
        "        from dataclasses import replace\n"
        "        ledgers = [(key, replace(self.ledger(*key), owned=owned[key])) for key in owned]\n"
        "        await self._try_to_write([ledger_row(key, ledger) for key, ledger in ledgers])\n"
        "        return await self._try_to_write(rows)",
        ("crash points open", "crash points flip"),
    ),
    Planted(
        0,
        "the account's value is read again for each symbol",
        "core/account_worker.py",
        "            decided = self._decide_symbol(wanted, targets, readings, pending)",
        "            decided = self._decide_symbol(wanted, targets, await self._read(targets), pending)",
        ("positions on several pages",),
    ),
    Planted(
        0,
        "a number that is none is let through",
        "core/model/money.py",
        "    if not number.is_finite():\n",
        "    if number.is_nan():\n        return number\n    if not number.is_finite():\n",
        ("numbers that are none",),
        is_error=True,
    ),
    Planted(
        0,
        "the journal's epoch is left out of the order id",
        "core/decisions/make_intent.py",
        "derive_client_order_id(tag, epoch, ledger.account",
        'derive_client_order_id(tag, "", ledger.account',
        ("a restored journal",),
    ),
    Planted(
        0,
        "the journal is not synced at a commit",
        "operations/journal_file.py",
        "{'FULL' if survives_power_loss else 'OFF'}",
        "OFF",
        ("crash points open",),
    ),
    Planted(
        0,
        "an order goes out before it is in the journal",
        "core/plan_executor.py",
        "            await self._journal.record(event)",
        "            asyncio.get_running_loop().call_later(1.0, asyncio.ensure_future, self._journal.record(event))",
        ("crash points open",),
    ),
    Planted(
        0,
        "an order goes out although the operator halted",
        "core/decisions/permit_trade.py",
        "    if operator and operator.standing is Standing.HALTED:",
        "    if False:",
        ("halted while a close fails",),
    ),
    Planted(
        0,
        "sizes are rounded up",
        "core/decisions/size_position.py",
        "    quantity = round_towards_zero(divide(notional, price), instrument.lot_step)",
        "    quantity = round_towards_zero(divide(notional, price), instrument.lot_step) + instrument.lot_step",
        ("halted",),
    ),
    Planted(
        0,
        "a second increase goes out beside an unsettled one",
        "core/decisions/permit_trade.py",
        '    if ledger.unsettled:\n        return Blocked("an order is still unsettled")',
        "    if False:\n        return Blocked()",
        ("orders late",),
    ),
    Planted(
        0,
        "what fails on one halted market pauses the increases of all",
        "core/exchange_watch.py",
        "        if is_tradable:",
        "        if True:",
        ("a halted market beside one that trades",),
    ),
)

CAUGHT_BY_NOBODY: Mapping[str, str] = {
    "the account's value is read again for each symbol": (
        "tests/unit/core/test_merging_and_passes.py"
        "::test_a_pass_reads_the_value_once_for_twenty_symbols_and_sizes_all_on_it"
    ),
}
"""By name, the test that guards against a bug which no life catches: it breaks no rule that looks at one position."""
