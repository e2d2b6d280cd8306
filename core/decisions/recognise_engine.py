"""Another engine on the same account shows itself by the form and the tag of its order ids."""

import re
from collections.abc import Iterable

from core.model.identity import INSTALLATION_TAG_LENGTH

_ENGINE_ORDER_ID = re.compile(r"[a-z0-9]{6}[a-z2-7]{26}")


def foreign_engine_tags(client_order_ids: Iterable[str], own_tag: str) -> tuple[str, ...]:
    """The tags of other installations among the order ids, each once, in order of appearance.

    Args:
        client_order_ids: Ids of anybody's orders.
        own_tag: This installation's tag.
    """
    tags = (order_id[:INSTALLATION_TAG_LENGTH] for order_id in client_order_ids if _ENGINE_ORDER_ID.fullmatch(order_id))
    return tuple(dict.fromkeys(tag for tag in tags if tag != own_tag))
