import asyncio

import pytest

from simulation.virtual_time import START, VirtualClock, run_virtually


def test_a_day_of_waiting_passes_at_once_and_in_order() -> None:
    async def main() -> list[str]:
        seen: list[str] = []

        async def at(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            seen.append(name)

        await asyncio.gather(at(86_400, "day"), at(3_600, "hour"), at(60, "minute"))
        return seen

    assert run_virtually(main()) == ["minute", "hour", "day"]


def test_deadlines_expire_in_virtual_time() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.sleep(60)
        return loop.time()

    assert 30 <= run_virtually(main()) < 30.001


def test_the_wall_clock_follows_the_loop_and_can_be_stepped() -> None:
    async def main() -> tuple[float, float]:
        clock = VirtualClock(asyncio.get_running_loop())
        await asyncio.sleep(10)
        waited = (clock.now() - START).total_seconds()
        clock.step(-3600)
        return waited, (clock.now() - START).total_seconds()

    waited, stepped = run_virtually(main())
    assert 10 <= waited < 10.001
    assert -3590 <= stepped < -3589.9


def test_a_world_in_which_nothing_can_happen_any_more_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="virtual time stands still"):
        run_virtually(main())
