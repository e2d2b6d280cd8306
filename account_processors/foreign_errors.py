"""What ccxt's exceptions say: the exchange's own code where an answer came, else what became of the connection."""

import json
import re
from collections.abc import Callable

import aiohttp

from account_processors.replies import Envelope, MalformedReply

_STATUS = re.compile(r"^\S+ [A-Z]+ \S+ (\d{3})\b")


def read_error(error: Exception, envelope: Callable[[object], Envelope]) -> tuple[str, str]:
    """Message and code of a foreign exception; its class is not asked, since ccxt's classes prove nothing.

    Returns:
        The exchange's words and code; or words of ours with `HTTP 502`, or with no code when no answer came. Addresses
        are left out, since some exchanges sign in them.
    """
    text = str(error)
    body = _json_in(text)
    if body is not None:
        try:
            told = envelope(body)
        except MalformedReply:
            return "unreadable answer", ""
        return told.message, told.code
    cause = error.__cause__
    status = _STATUS.match(text)
    if status and not isinstance(cause, aiohttp.ClientError | TimeoutError | OSError):
        return "no readable answer", f"HTTP {status[1]}"
    words = "" if cause or "://" in text else f": {text}"
    return f"no answer ({type(cause or error).__name__}{words})", ""


def _json_in(text: str) -> object | None:
    """The JSON object inside an exception's text, None when there is none."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        body, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
