"""What the engines of a world note of their calls, and whether the next engine gets to know it."""

from collections.abc import Callable
from pathlib import Path

from account_processors.spent_calls import SpentCalls
from core.ports.clock import Clock
from simulation.full_disk import Full, FullDisk
from simulation.scene import Scene


class Spending:
    """Follows what is noted in one world.

    Args:
        clock: The world's wall clock.
        disk: Where it is noted; one that is full keeps nothing.
        scene: Is told for how long an engine cannot know what those before it spent.
    """

    def __init__(self, clock: Clock, disk: FullDisk, scene: Scene) -> None:
        self._clock = clock
        self._disk = disk
        self._scene = scene
        self._is_noted = True

    def of_new_engine(self, path: Path) -> SpentCalls:
        """What an engine that starts over this file knows, and notes from now on."""
        if not self._is_noted:
            self._scene.spending_unknown_until = self._scene.time() + self._scene.longest_limit_seconds
            self._is_noted = True
        return SpentCalls(path, self._clock, self._write)

    def _write(self, write: Callable[[], None]) -> None:
        write()
        self._is_noted = self._disk.full is not Full.EVERYTHING
