from dataclasses import replace
from datetime import UTC, datetime, timedelta

from config.bittensor_settings import BittensorSettings
from signal_processors.bittensor_guard import GuardMemory, Sample, judge_fall, judge_hotkeys, usual_hotkeys

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTINGS = BittensorSettings()


def named(count: int, prefix: str = "m") -> frozenset[str]:
    return frozenset(f"{prefix}{number}" for number in range(count))


def remembering(*counts: int) -> GuardMemory:
    first = NOW - timedelta(minutes=30 * len(counts))
    return GuardMemory(
        tuple(Sample(first + timedelta(minutes=30 * index), named(count)) for index, count in enumerate(counts))
    )


def test_a_first_answer_with_enough_miners_is_believed_and_a_small_one_only_after_confirmation() -> None:
    assert judge_hotkeys(GuardMemory(), named(20), {}, NOW, SETTINGS).is_accepted

    memory = GuardMemory()
    verdicts = []
    for minute in range(10):
        verdict = judge_hotkeys(memory, named(19), {}, NOW + timedelta(minutes=minute), SETTINGS)
        memory = verdict.memory
        verdicts.append(verdict.is_accepted)
    assert verdicts == [False] * 9 + [True]


def test_missing_miners_are_refused_though_fewer_than_ten_are_gone() -> None:
    gone = named(60) - {f"m{number}" for number in range(7)}

    verdict = judge_hotkeys(remembering(60, 60), gone, {}, NOW, SETTINGS)

    assert not verdict.is_accepted
    assert verdict.reason == "7 of 60 usual miners are missing; poll 1 of 10"
    assert judge_hotkeys(remembering(60, 60), named(60) - {"m0"}, {}, NOW, SETTINGS).is_accepted


def test_miners_that_carry_the_exposure_must_be_there() -> None:
    exposure = {"m0": 0.3, "m1": 0.7}

    verdict = judge_hotkeys(remembering(60), named(60) - {"m0"}, exposure, NOW, SETTINGS)

    assert not verdict.is_accepted
    assert "the miners of 30% of the exposure are missing" in verdict.reason


def test_a_shrinkage_by_small_steps_is_measured_against_the_day_and_not_the_last_poll() -> None:
    memory = remembering(*([200] * 40))
    accepted = 200
    for step in range(1, 8):
        verdict = judge_hotkeys(memory, named(200 - 10 * step), {}, NOW + timedelta(minutes=step), SETTINGS)
        memory = verdict.memory
        accepted = 200 - 10 * step if verdict.is_accepted else accepted

    assert accepted == 180


def test_a_real_change_is_accepted_after_the_confirming_polls_and_is_the_new_usual() -> None:
    memory = remembering(60, 60)
    answers = []
    for minute in range(12):
        verdict = judge_hotkeys(memory, named(30), {}, NOW + timedelta(minutes=minute), SETTINGS)
        memory = verdict.memory
        answers.append(verdict.is_accepted)

    assert answers == [False] * 9 + [True] * 3
    assert usual_hotkeys(memory.samples, NOW) == named(30)


def test_suspicious_sets_that_do_not_agree_confirm_nothing() -> None:
    memory = remembering(60)
    for minute in range(30):
        hotkeys = named(30) if minute % 2 else named(60) - named(30)
        verdict = judge_hotkeys(memory, hotkeys, {}, NOW + timedelta(minutes=minute), SETTINGS)
        memory = verdict.memory
        assert not verdict.is_accepted


def test_a_good_answer_between_suspicious_ones_begins_the_count_anew() -> None:
    memory = remembering(60)
    for _ in range(9):
        memory = judge_hotkeys(memory, named(30), {}, NOW, SETTINGS).memory
    memory = judge_hotkeys(memory, named(60), {}, NOW, SETTINGS).memory

    assert not judge_hotkeys(memory, named(30), {}, NOW, SETTINGS).is_accepted


def test_a_flood_of_unknown_miners_is_refused() -> None:
    verdict = judge_hotkeys(remembering(60), named(60) | named(31, "new"), {}, NOW, SETTINGS)

    assert verdict.reason == "31 unknown miners beside 60 usual ones; poll 1 of 10"


def test_a_clock_that_steps_back_keeps_the_memory_in_order() -> None:
    memory = remembering(60, 60)
    earlier = NOW - timedelta(hours=3)

    verdict = judge_hotkeys(memory, named(60), {}, earlier, SETTINGS)

    assert verdict.is_accepted
    assert [sample.at for sample in verdict.memory.samples] == sorted(s.at for s in verdict.memory.samples)


DEPTHS = {"BTCUSD": 0.4, "ETHUSD": -0.2}


def test_a_fall_that_closed_positions_explain_is_believed_at_once() -> None:
    lost = {"a": 0.4, "b": -0.2}

    verdict = judge_fall(GuardMemory(), DEPTHS, {"BTCUSD": 0.0, "ETHUSD": 0.0}, lost, frozenset({"a", "b"}), SETTINGS)

    assert verdict.is_accepted


def test_a_fall_by_vanished_positions_needs_three_polls() -> None:
    memory, answers = GuardMemory(), []
    for _ in range(3):
        verdict = judge_fall(memory, DEPTHS, {}, {"a": 0.4, "b": -0.2}, frozenset({"b"}), SETTINGS)
        memory = verdict.memory
        answers.append(verdict.is_accepted)

    assert answers == [False, False, True]
    assert memory.fall_polls == 0


def test_a_fall_that_recovers_begins_the_count_anew() -> None:
    memory = replace(GuardMemory(), fall_polls=2)

    verdict = judge_fall(memory, DEPTHS, DEPTHS, {}, frozenset(), SETTINGS)

    assert verdict.is_accepted
    assert verdict.memory.fall_polls == 0


def test_all_depths_changing_sign_counts_as_a_fall() -> None:
    flipped = {pair: -depth for pair, depth in DEPTHS.items()}

    assert not judge_fall(GuardMemory(), DEPTHS, flipped, {}, frozenset(), SETTINGS).is_accepted


def test_a_small_loss_or_a_small_exposure_is_no_sudden_fall() -> None:
    assert judge_fall(GuardMemory(), DEPTHS, {"BTCUSD": 0.3, "ETHUSD": -0.1}, {}, frozenset(), SETTINGS).is_accepted
    assert judge_fall(GuardMemory(), {"BTCUSD": 0.01}, {}, {}, frozenset(), SETTINGS).is_accepted
