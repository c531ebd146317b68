"""What tells of an order that it has not traded, or not yet as much as it is for."""

from __future__ import annotations

from typing import Any

from ingestion.decode.symbols import word_set

#: Words of orders that have not traded.
UNTRADED = word_set(
    "open new pending placed submitted untriggered working cancelled canceled rejected expired"
)
#: Where a message says what became of an order, and how much of it has traded.
STATE_KEYS = word_set("status state orderStatus order_status orderState")
FILLED_KEYS = word_set(
    "filled filledQty filled_qty filledSize filled_size filledAmount filled_amount executedQty "
    "executed_qty cumQty cumExecQty cum_exec_qty accFillSz dealSize"
)
_OF_ORDERS = word_set(
    "side direction orderId order_id ordId clientOrderId client_order_id clOrdId ordType orderType"
)
ORDER_KEYS = STATE_KEYS | FILLED_KEYS


def is_untraded(obj: dict[str, Any], size: object) -> bool:
    """Whether a message is an order of which less has traded than its size.

    >>> order = {"side": "buy", "price": 5, "amount": 2, "status": "open"}
    >>> is_untraded(order, 2), is_untraded(order | {"status": "closed", "filled": 1}, 2)
    (True, True)
    >>> is_untraded(order | {"status": "closed", "filled": 2.0}, "2"), is_untraded({}, 2)
    (False, False)
    """
    found = ORDER_KEYS.intersection(obj)
    if not found:
        return False
    for key in found:
        value = obj[key]
        if key in STATE_KEYS:
            if str(value).lower() in UNTRADED and not _OF_ORDERS.isdisjoint(obj):
                return True
            continue
        try:
            if float(value) < float(size) * (1 - 1e-9):  # type: ignore[arg-type]
                return True
        except (TypeError, ValueError):
            continue
    return False
