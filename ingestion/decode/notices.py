"""What a source says about itself: answers, greetings, heartbeats, errors, its own end."""

from __future__ import annotations

from typing import Any, NamedTuple

CONTROL_WORDS = frozenset(
    (
        *("ack", "connected", "error", "heartbeat", "heartbeats", "hb", "info", "ping", "pong"),
        *("status", "system", "subscribe", "subscribed", "subscription", "subscriptions"),
        *("subscription_succeeded", "subscriptionstatus", "subscriptionresponse", "systemstatus"),
        *("unsubscribe", "unsubscribed", "welcome", "login", "auth", "conf", "up", "notice"),
        *("request_reconnect", "channel-conn-count", "rate-limit", "sub", "unsub"),
    )
)
_METHODS = frozenset(("subscribe", "unsubscribe", "heartbeat", "ping", "pong"))
_SHUTDOWNS = ("serverShutdown", "bts:request_reconnect")
_SHOWN = 200


class Notice(NamedTuple):
    """What a source says about itself: kind "error", "shutdown" or "ack", and its words."""

    kind: str
    text: str


def notice_of(obj: dict[str, Any], stream: str = "") -> Notice | None:
    """What an object without trades says about its source, None where it says nothing of it.

    >>> notice_of({"event": "error", "code": "60012", "msg": "Invalid request"})
    Notice(kind='error', text='Invalid request (code 60012)')
    >>> notice_of({"channel": "subscriptionResponse", "data": {}}).kind
    'ack'
    """
    if obj.get("e") in _SHUTDOWNS or obj.get("event") in _SHUTDOWNS or stream == "!serverShutdown":
        return Notice("shutdown", "the server announced that it shuts down")
    words = error_of(obj)
    if words is not None:
        return Notice("error", words)
    if says_control(obj) or "result" in obj or "method" in obj or "params" in obj:
        return Notice("ack", "")
    return None


def says_control(obj: dict[str, Any]) -> bool:
    """Whether an object calls itself an answer, a greeting or a heartbeat.

    >>> says_control({"event": "bts:heartbeat"}), says_control({"ping": 1}), says_control({"p": 5})
    (True, True, False)
    """
    if any(name in obj for name in ("ping", "pong", "success")):
        return True
    if _word(obj.get("method", "")).rpartition("/")[2] in _METHODS:
        return True
    if obj.get("status") == "ok" and ("subbed" in obj or "unsubbed" in obj):
        return True
    names = ("type", "event", "op", "channel", "status", "action")
    if any(_word(obj.get(name, "")) in CONTROL_WORDS for name in names):
        return True
    return "info" in obj and "version" in obj  # how BitMEX greets


def error_of(obj: dict[str, Any]) -> str | None:
    """The words of an error that an object reports, None where it reports none.

    >>> error_of({"channel": "error", "data": "Invalid subscription"})
    'Invalid subscription'
    >>> error_of({"success": False, "ret_msg": "topic is wrong", "op": "subscribe"})
    'topic is wrong'
    """
    error = obj.get("error")
    if error:
        return _words(error, obj)
    if "err-msg" in obj:
        return _words(obj["err-msg"], obj)
    if "errorMessage" in obj:
        return _words(obj["errorMessage"], obj)
    kinds = {_word(obj.get(name, "")) for name in ("type", "event", "channel", "status", "result")}
    if "error" in kinds or "bts:error" in {obj.get("event"), obj.get("type")}:
        for name in ("message", "msg", "reason", "data"):
            if obj.get(name):
                words = _words(obj[name], obj)
                reason = obj.get("reason")
                if name == "message" and isinstance(reason, str) and reason:
                    words += f": {reason[:_SHOWN]}"
                return words
        return "no reason given"
    if obj.get("success") is False and ("ret_msg" in obj or "op" in obj):
        return _words(obj.get("ret_msg", "no reason given"), obj)
    if (
        "code" in obj
        and "msg" in obj
        and "data" not in obj
        and str(obj["code"]) not in ("0", "00000")
    ):
        return _words(obj["msg"], obj)
    return None


def _words(error: Any, obj: dict[str, Any]) -> str:
    """The words of an error, and its code."""
    code = obj.get("code")
    if isinstance(error, dict):
        code = error.get("code", code)
        words = next((error[n] for n in ("message", "msg", "name") if error.get(n)), "")
    else:
        words = error
    text = str(words)[:_SHOWN]
    return text if code is None else f"{text} (code {str(code)[:20]})"


def _word(value: Any) -> str:
    return value.lower().removeprefix("bts:") if isinstance(value, str) else ""
