from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_processors.tradingview_alert import Alert, Side, Stand
from signal_processors.tradingview_lane import Basis, Judgement, Lane, Moment, Verdict, Word, identity_of, judge, settle

START = datetime(2026, 3, 1, 23, 59, 58, tzinfo=UTC)
LONG, SHORT, FLAT = Decimal("0.5"), Decimal("-0.5"), Decimal(0)


def side_of(depth: Decimal) -> Side:
    return Side.FLAT if depth == 0 else Side.LONG if depth > 0 else Side.SHORT


@dataclass
class Talk:
    """One strategy speaking about one symbol, at seconds after the start."""

    lane: Lane = field(default_factory=Lane)
    seen: dict[str, str] = field(default_factory=dict)
    records: int = 0

    def say(
        self, seconds: float, alert: Alert, digest: str = "", *, run: int = 0, wall: float | None = None
    ) -> Judgement:
        self.records += 1
        at = START + timedelta(seconds=seconds if wall is None else wall)
        word = Word(self.records, Moment(at, run, seconds), alert, digest or f"bytes {self.records}")
        judgement = judge(self.lane, word, self.seen.get)
        self.lane = settle(self.lane, word, judgement)
        if judgement.verdict in {Verdict.APPLIED, Verdict.OLDER, Verdict.HELD} and identity_of(alert):
            self.seen[identity_of(alert)] = str(alert.depth)
        return judgement

    @property
    def depth(self) -> Decimal:
        assert self.lane.latest
        return self.lane.latest.alert.depth


def alert(depth: Decimal, closes: Side | None = None, **more: object) -> Alert:
    return Alert("ETHUSDT", depth, closes, **more)  # type: ignore[arg-type]


def state(before: Side, after: Side, size: int = 0, **more: object) -> Alert:
    depth = {Side.LONG: LONG, Side.SHORT: SHORT, Side.FLAT: FLAT}[after]
    closes = before if after is Side.FLAT else None
    return alert(depth, closes, before=Stand(before), after=Stand(after, Decimal(size) if size else None), **more)


def test_a_resend_of_the_latest_within_20_s_changes_nothing_and_after_that_it_is_new() -> None:
    talk = Talk()
    talk.say(0, alert(LONG), "a")

    assert talk.say(15, alert(LONG), "a").verdict is Verdict.DUPLICATE
    assert talk.say(20, alert(LONG), "a").verdict is Verdict.DUPLICATE
    assert talk.lane.latest
    assert talk.lane.latest.record == 1
    assert talk.say(20.1, alert(LONG), "a").verdict is Verdict.APPLIED


def test_the_same_long_after_an_exit_trades_after_21_s_and_not_after_6() -> None:
    for seconds, verdict, depth in ((6, Verdict.AMBIGUOUS_RESEND, FLAT), (21, Verdict.APPLIED, LONG)):
        talk = Talk()
        talk.say(0, alert(LONG), "long")
        talk.say(0.5, alert(FLAT, Side.LONG), "exit")
        assert talk.depth == FLAT

        assert talk.say(seconds, alert(LONG), "long").verdict is verdict
        assert talk.depth == depth


def test_a_duplicate_does_not_make_the_window_longer() -> None:
    talk = Talk()
    talk.say(0, alert(LONG), "a")
    talk.say(19, alert(LONG), "a")

    assert talk.say(21, alert(LONG), "a").verdict is Verdict.APPLIED


@pytest.mark.parametrize(
    "marks",
    [
        {"event_id": "e1"},
        {"signal_seq": 7},
        {"bar_at": START, "order_id": "L", "before": Stand(Side.FLAT), "after": Stand(Side.LONG)},
    ],
)
def test_a_message_with_an_id_is_a_resend_at_any_age_and_never_by_its_bytes(marks: dict[str, Any]) -> None:
    talk = Talk()
    talk.say(0, alert(LONG, **marks), "a")
    talk.say(100, alert(FLAT, event_id="e2", signal_seq=8), "b")

    assert talk.say(86_400, alert(LONG, **marks), "c").verdict is Verdict.DUPLICATE
    assert talk.depth == FLAT
    other: dict[str, Any] = {"event_id": "e3", "signal_seq": 9}
    assert talk.say(86_401, alert(LONG, **other), "b").verdict is Verdict.APPLIED


def test_the_same_id_with_another_depth_is_a_conflict() -> None:
    talk = Talk()
    talk.say(0, alert(LONG, event_id="e1"))

    assert talk.say(1, alert(SHORT, event_id="e1")).verdict is Verdict.CONFLICT
    assert talk.depth == LONG


def test_the_alert_in_force_is_known_by_its_id_for_as_long_as_it_is_in_force() -> None:
    talk = Talk()
    talk.say(0, alert(LONG, event_id="e1"))
    talk.seen.clear()

    assert talk.say(9e6, alert(LONG, event_id="e1")).verdict is Verdict.DUPLICATE


def test_an_older_sequence_or_an_older_time_never_overrides() -> None:
    talk = Talk()
    talk.say(0, alert(LONG, signal_seq=5))
    assert talk.say(60, alert(FLAT, signal_seq=4)) == Judgement(
        Verdict.OLDER, Basis.SEQUENCE, "older than the alert in force, by its sequence"
    )
    assert talk.say(61, alert(FLAT, signal_seq=9)).note == "3 alerts before it never came"

    talk = Talk()
    talk.say(0, alert(LONG, fired_at=START))
    assert talk.say(6, alert(FLAT, fired_at=START - timedelta(seconds=1))).verdict is Verdict.OLDER
    assert talk.say(7, alert(FLAT, fired_at=START, bar_at=START)).verdict is Verdict.APPLIED
    assert talk.say(26, alert(LONG, bar_at=START - timedelta(minutes=5))).verdict is Verdict.OLDER


def test_a_higher_time_frames_earlier_bar_is_not_older_once_no_resend_can_be_under_way() -> None:
    talk = Talk()
    talk.say(0, alert(LONG, bar_at=START))

    assert talk.say(21, alert(FLAT, Side.LONG, bar_at=START - timedelta(hours=1))).verdict is Verdict.APPLIED
    assert talk.depth == FLAT


@pytest.mark.parametrize("reverse", [False, True])
def test_the_chain_of_positions_orders_what_arrives_within_5_s(reverse: bool) -> None:
    talk = Talk()
    talk.say(0, state(Side.FLAT, Side.LONG))
    pair = [state(Side.LONG, Side.FLAT), state(Side.FLAT, Side.SHORT)]
    first, second = reversed(pair) if reverse else pair

    talk.say(100, first)
    assert talk.depth == first.depth
    assert talk.say(104, second).basis is Basis.CHAIN
    assert talk.depth == SHORT


def test_a_chain_that_closes_on_itself_is_told_by_the_state_before() -> None:
    for prior, first_in_order in ((Side.FLAT, LONG), (Side.LONG, FLAT)):
        for reverse in (False, True):
            talk = Talk(Lane(before=Side.FLAT))
            if prior is Side.LONG:
                talk.say(0, state(Side.FLAT, Side.LONG))
            pair = [state(Side.FLAT, Side.LONG), state(Side.LONG, Side.FLAT)]
            for word in reversed(pair) if reverse else pair:
                talk.say(100, word)
            assert talk.depth == (FLAT if first_in_order == LONG else LONG), (prior, reverse)


def test_a_missing_link_of_the_chain_is_said() -> None:
    talk = Talk()
    talk.say(0, state(Side.FLAT, Side.LONG))

    assert "never came" in talk.say(60, state(Side.FLAT, Side.SHORT)).note
    assert talk.depth == SHORT


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("prior", "flat", "opens", "depth", "verdicts"),
    [
        # the state before the pair tells: long, so the exit of the long came first
        (LONG, alert(FLAT, Side.LONG), SHORT, SHORT, None),
        (LONG, alert(FLAT), SHORT, FLAT, Verdict.HELD),
        # a short that is closed by buying, then a long
        (SHORT, alert(FLAT, Side.SHORT), LONG, LONG, None),
        # both orders are possible: flat is safe
        (LONG, alert(FLAT, Side.LONG), LONG, FLAT, Verdict.HELD),
        # neither order is possible: flat is safe
        (FLAT, alert(FLAT, Side.SHORT), LONG, FLAT, Verdict.HELD),
    ],
)
def test_a_flat_and_an_open_within_5_s(
    prior: Decimal, flat: Alert, opens: Decimal, depth: Decimal, verdicts: Verdict | None, reverse: bool
) -> None:
    talk = Talk()
    talk.say(0, alert(prior))
    first, second = (alert(opens), flat) if reverse else (flat, alert(opens))

    talk.say(100, first)
    assert talk.depth == first.depth, "each is published at once"
    judgement = talk.say(104.9, second)

    assert talk.depth == depth
    if verdicts is Verdict.HELD:
        assert judgement.basis is Basis.SAFETY
        assert talk.lane.held
        assert talk.lane.held.alert.depth == opens
        assert judgement.note
    else:
        assert judgement.basis is Basis.PRIOR_STATE
        assert talk.lane.held is None


@pytest.mark.parametrize("flat", [alert(FLAT), alert(FLAT, Side.LONG)])
def test_an_open_behind_a_flat_that_changed_nothing_is_held_and_never_dropped_in_silence(flat: Alert) -> None:
    talk = Talk()
    talk.say(0, alert(FLAT))

    talk.say(100, flat)
    judgement = talk.say(102, alert(LONG))

    assert (judgement.verdict, judgement.basis, talk.depth) == (Verdict.HELD, Basis.SAFETY, FLAT)
    assert talk.lane.held
    assert talk.lane.held.alert.depth == LONG


@pytest.mark.parametrize("flat", [alert(FLAT), alert(FLAT, Side.LONG)])
def test_a_flat_behind_an_open_from_flat_is_its_exit(flat: Alert) -> None:
    talk = Talk()
    talk.say(0, alert(FLAT))

    talk.say(100, alert(LONG))
    judgement = talk.say(102, flat)

    assert (judgement.verdict, judgement.basis, talk.depth) == (Verdict.APPLIED, Basis.PRIOR_STATE, FLAT)
    assert talk.lane.held is None


def test_a_flat_and_an_open_more_than_5_s_apart_stand_as_they_came() -> None:
    talk = Talk()
    talk.say(0, alert(LONG))
    talk.say(100, alert(FLAT))

    assert talk.say(105.1, alert(LONG)) == Judgement(Verdict.APPLIED)
    assert talk.depth == LONG


def test_what_is_held_is_forgotten_with_the_next_alert_in_force() -> None:
    talk = Talk()
    talk.say(0, alert(LONG))
    talk.say(100, alert(FLAT))
    talk.say(101, alert(LONG))
    assert talk.lane.held

    talk.say(200, alert(LONG))

    assert talk.depth == LONG
    assert not talk.lane.held


def test_a_close_four_seconds_after_the_open_it_closes_is_never_lost() -> None:
    talk = Talk()
    talk.say(0, alert(FLAT))
    talk.say(100, alert(LONG))

    talk.say(104, alert(FLAT, Side.LONG))

    assert talk.depth == FLAT


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_step_of_the_wall_clock_changes_no_duration(step: float) -> None:
    talk = Talk()
    talk.say(0, alert(LONG), "long", wall=0)
    assert talk.say(6, alert(LONG), "long", wall=6 + step).verdict is Verdict.DUPLICATE
    assert talk.say(21, alert(LONG), "long", wall=21 + step).verdict is Verdict.APPLIED
    assert talk.say(22, alert(FLAT), "flat", wall=22 - step).basis is Basis.SAFETY


def test_after_a_restart_the_wall_clock_tells_and_a_step_backwards_counts_as_no_time() -> None:
    talk = Talk()
    talk.say(1000, alert(LONG), "long", run=0, wall=0)

    assert talk.say(3, alert(LONG), "long", run=9, wall=15).verdict is Verdict.DUPLICATE
    assert talk.say(4, alert(LONG), "long", run=9, wall=-600).verdict is Verdict.DUPLICATE
    assert talk.say(90, alert(LONG), "long", run=9, wall=21).verdict is Verdict.APPLIED


def test_a_third_alert_within_5_s_is_judged_by_the_order_of_the_first_two() -> None:
    talk = Talk()
    talk.say(0, alert(LONG))
    talk.say(100, alert(SHORT))
    assert talk.say(102, alert(FLAT, Side.LONG)).verdict is Verdict.OLDER

    # The exit of the long stood between the long and the short, so this flat can only close the short.
    assert talk.say(104, alert(FLAT)).basis is Basis.PRIOR_STATE
    assert talk.depth == FLAT
    assert talk.lane.held is None


@given(
    depths=st.lists(st.sampled_from([LONG, SHORT, FLAT]), min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
    copies=st.integers(1, 3),
    gaps=st.lists(st.floats(0, 30), min_size=18, max_size=18),
)
def test_numbered_alerts_end_the_same_in_any_order_with_any_copies(
    depths: list[Decimal], order: Random, copies: int, gaps: list[float]
) -> None:
    sent = [alert(depth, signal_seq=number) for number, depth in enumerate(depths)] * copies
    order.shuffle(sent)
    talk, seconds = Talk(), 0.0
    for message, gap in zip(sent, gaps, strict=False):
        seconds += gap
        talk.say(seconds, message)

    assert talk.depth == depths[-1]


@given(
    sides=st.lists(st.sampled_from(list(Side)), min_size=2, max_size=2, unique=True),
    prior=st.sampled_from(list(Side)),
    gap=st.floats(0, 5),
)
def test_a_chained_pair_ends_the_same_in_either_order(sides: list[Side], prior: Side, gap: float) -> None:
    """From the state before the pair, through the first side to the second."""
    first, second = sides
    if prior is first:
        return
    ends = []
    for pair in ((state(prior, first), state(first, second)), (state(first, second), state(prior, first))):
        talk = Talk()
        talk.say(0, state(Side.FLAT, prior) if prior is not Side.FLAT else alert(FLAT))
        talk.say(100, pair[0])
        talk.say(100 + gap, pair[1])
        ends.append(talk.depth)

    assert {side_of(depth) for depth in ends} == {second}
