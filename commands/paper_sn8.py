"""`./engine paper sn8`: a made SN8 server on loopback, for trying the Bittensor source without a key."""

import asyncio
from typing import Annotated

import typer

DEFAULT_KEY = "made-sn8-key"

app = typer.Typer(add_completion=False)


@app.command("sn8")
def sn8(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Loopback port; 0 takes a free one.")] = 48888,
    seed: Annotated[int, typer.Option(help="Two servers of one seed hand out the same miners.")] = 1,
    miners: Annotated[int, typer.Option(min=2, max=5000, help="How many.")] = 64,
    key: Annotated[str, typer.Option(help="The API key it takes.")] = DEFAULT_KEY,
    tier: Annotated[int, typer.Option(help="The key's tier: 0, 30, 50 or 100.")] = 100,
    fault: Annotated[str, typer.Option(help="Fail in this way from the start, such as cut_body.")] = "",
) -> None:
    """Serve made miners in the schema of SN8's validators until stopped.

    While it runs, GET /made/fault?name=cut_body&answers=3 lets the next answers fail, an empty name ends that; a wrong
    name lists all. /stream pushes positions (`stream_url`). Nothing here is real: the miners, their positions
    and their prices are invented from the seed.

    Examples:
      ./engine paper sn8

      ./engine paper sn8 --port 48888 --fault missing_miners
    """
    from paper.sn8_faults import Fault

    if fault not in {"", *Fault}:
        raise typer.BadParameter(f"one of {', '.join(Fault)}", param_hint="--fault")
    asyncio.run(_serve(port, seed, miners, {key: tier}, fault))


async def _serve(port: int, seed: int, miners: int, keys: dict[str, int], fault: str) -> None:
    from rich.console import Console

    from operations.wall_clock import WallClock
    from paper.sn8 import Sn8Server
    from paper.sn8_faults import Fault
    from paper.sn8_session import serve_sn8
    from paper.sn8_world import Sn8World

    clock = WallClock()
    start = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    server = Sn8Server(Sn8World(seed, start, miners), clock, keys)
    server.faults.plan(Fault(fault) if fault else None)
    runner, bound = await serve_sn8(server, port)
    Console(stderr=True).print(f"made SN8 server on http://127.0.0.1:{bound}/miner-positions, key {next(iter(keys))}")
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
