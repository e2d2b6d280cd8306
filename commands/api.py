"""`./engine api`: the status over HTTP on 127.0.0.1, read-only, in a process of its own."""

from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def api(
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")] = 8010,
) -> None:
    """Serve the status to programs of this machine until stopped; it reads, and changes nothing.

    GET /state is `./engine status --json`, GET /health is 200 while an engine runs and 503 otherwise, /docs describes
    both (the page takes its script from cdn.jsdelivr.net). It has no keys: whoever may connect to this machine's
    127.0.0.1 may read it.

    Examples:

      ./engine api

      ./engine api --port 8010 & curl -s http://127.0.0.1:8010/state
    """
    import asyncio

    import uvicorn
    from rich.console import Console

    from commands.exit_codes import exit_codes
    from commands.status import look
    from config.home import find_home
    from operations.control_api import make_control_api
    from signal_endpoints.tradingview_endpoint import LOOPBACK, EndpointServer, listen

    home = find_home()
    with exit_codes(), listen(port) as listener:
        settings = uvicorn.Config(
            make_control_api(lambda: look(home)),
            ws="none",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=100,
            timeout_graceful_shutdown=1,
        )
        Console(soft_wrap=True).print(f"http://{LOOPBACK}:{listener.getsockname()[1]}/state", highlight=False)
        asyncio.run(EndpointServer(settings).serve(sockets=[listener]))
