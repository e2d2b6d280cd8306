"""The WebSocket of a made SN8 server: a key, a subscription, then every position that gets a new order."""

import asyncio
import json
from contextlib import suppress

from aiohttp import WSMsgType, web

from paper.sn8 import Sn8Server
from paper.sn8_world import LIVE_TIER

LOOK_SECONDS = 1.0


async def stream_positions(server: Sn8Server, request: web.Request) -> web.WebSocketResponse:
    """Talk to one subscriber until it leaves."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    hello = await _receive_object(socket)
    if server.tier_of_key(str(hello.get("api_key"))) != LIVE_TIER:
        await socket.send_json({"status": "error", "message": "Invalid API key or tier"})
        await socket.close()
        return socket
    await socket.send_json({"status": "success", "current_sequence": 0, "tier": LIVE_TIER})
    subscription = await _receive_object(socket)
    await socket.send_json({"type": "subscription_status", "status": "success", "all": subscription.get("all") is True})
    pushing = asyncio.get_running_loop().create_task(_push(server, socket))
    try:
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
    finally:
        pushing.cancel()
        with suppress(asyncio.CancelledError):
            await pushing
    return socket


async def _push(server: Sn8Server, socket: web.WebSocketResponse) -> None:
    since, sequence = server.now(), 0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = server.now()
        news = server.news(since)
        since = now
        messages = []
        for position in news:
            sequence += 1
            data = {"position": position, "miner_repo_version": "8.8.9"}
            messages.append({"sequence": sequence, "timestamp": int(now.timestamp() * 1000), "data": data})
        if len(messages) == 1:
            await socket.send_json(messages[0])
        elif messages:
            await socket.send_json({"type": "batch", "messages": messages, "count": len(messages)})


async def _receive_object(socket: web.WebSocketResponse) -> dict[str, object]:
    message = await socket.receive()
    try:
        content = json.loads(message.data)
    except (TypeError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
