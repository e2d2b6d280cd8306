"""Answers as a broken network or a changed interface delivers them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from paper.faults import Fault, FaultKind
from paper.wire import Response

_EDITS = (FaultKind.SHORT_LIST, FaultKind.WRONG_FIELD, FaultKind.MISSING_FIELD)


def damage(response: Response, kinds: Mapping[FaultKind, Fault]) -> Response:
    """The answer after the faults that damage answers."""
    for kind in _EDITS:
        fault = kinds.get(kind)
        if fault is not None:
            edited = _edit(json.loads(response.body), fault)
            response = replace(response, body=json.dumps(edited, separators=(",", ":")))
    if FaultKind.TRUNCATED in kinds:
        response = replace(response, body=response.body[: len(response.body) * 2 // 3])
    return response


def _edit(value: Any, fault: Fault) -> Any:  # noqa: ANN401 - JSON is anything
    if fault.kind is FaultKind.SHORT_LIST:
        return _shorten(value, fault.share)
    if fault.kind is FaultKind.WRONG_FIELD:
        return _set_member(value, fault.field, fault.value)
    return _drop_member(value, fault.field)


def _shorten(value: Any, share: Decimal) -> Any:  # noqa: ANN401 - JSON is anything
    if isinstance(value, list):
        return value[: int(len(value) * share)]
    if isinstance(value, dict):
        return {name: _shorten(member, share) for name, member in value.items()}
    return value


def _set_member(value: Any, field: str, new: Any) -> Any:  # noqa: ANN401 - JSON is anything
    if isinstance(value, list):
        return [_set_member(member, field, new) for member in value]
    if isinstance(value, dict):
        return {name: new if name == field else _set_member(member, field, new) for name, member in value.items()}
    return value


def _drop_member(value: Any, field: str) -> Any:  # noqa: ANN401 - JSON is anything
    if isinstance(value, list):
        return [_drop_member(member, field) for member in value]
    if isinstance(value, dict):
        return {name: _drop_member(member, field) for name, member in value.items() if name != field}
    return value
