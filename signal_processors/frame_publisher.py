"""Publishes a source's frame: at once when something changed, and every 10 s as a sign of life."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from config.home import Home
from core.model.failures import StorageFailure
from core.model.signal import SourceFrame
from core.ports.telemetry import Telemetry
from signal_processors.depth_files import publish_frame
from signal_processors.records import Committer

HEARTBEAT_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 0.05


class FramePublisher:
    """The one writer of a source's frame; changes that come while one is written share the next.

    Args:
        home: Where the frame lives.
        telemetry: Is told when it cannot be written; the next heartbeat tries again.
        make_frame: The frame as of now.
        committer: Where the file is written and synced.
    """

    def __init__(
        self, home: Home, telemetry: Telemetry, make_frame: Callable[[], SourceFrame], committer: Committer
    ) -> None:
        self._home = home
        self._telemetry = telemetry
        self._make_frame = make_frame
        self._committer = committer
        self._is_due = False
        self._failure = ""
        self._unwritten = ""
        self._writing: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None

    @property
    def failure(self) -> str:
        """Why nothing more is published, empty while all is well."""
        return self._failure

    @property
    def unwritten(self) -> str:
        """Why the frame on the disk is not the present one, empty when it is; the next heartbeat tries again."""
        return self._unwritten

    async def start(self, housekeeping: Callable[[], Awaitable[None]]) -> None:
        """Publish now and every 10 s from now on.

        Args:
            housekeeping: What else is done after each heartbeat.
        """
        await self.publish()
        await housekeeping()
        self._beating = asyncio.get_running_loop().create_task(self._beat(housekeeping))
        self._beating.add_done_callback(self._note_end)

    async def stop(self) -> None:
        """Publish what is due, and beat no more."""
        if self._beating:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
        if self._writing:
            await asyncio.wait([self._writing])

    def publish_soon(self) -> None:
        """Publish without waiting for it."""
        self._is_due = True
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())
            self._writing.add_done_callback(self._note_end)

    async def publish(self) -> None:
        """Publish and wait for it."""
        self.publish_soon()
        if self._writing:
            await asyncio.wait([self._writing])

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._failure = f"publishing ended: {task.exception()!r}"

    async def _beat(self, housekeeping: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self.publish()
            await housekeeping()

    async def _write(self) -> None:
        try:
            while self._is_due:
                self._is_due = False
                await self._write_once()
                self._unwritten = ""
        except StorageFailure as error:
            self._unwritten = str(error)
            self._telemetry.tell("frame not written", home=str(self._home.path), why=str(error))
        finally:
            self._writing = None

    async def _write_once(self) -> None:
        """Write the frame as of now; when more is due, leave the disk to the record for as long as that took."""
        loop = asyncio.get_running_loop()
        started, frame = loop.time(), self._make_frame()
        await self._committer(lambda: publish_frame(self._home, frame))
        if self._is_due:
            await asyncio.sleep(min(loop.time() - started, LONGEST_PAUSE_SECONDS))
