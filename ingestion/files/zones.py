"""Time zones by the names that headers, times and people give them."""

from __future__ import annotations

import re
from collections.abc import Collection
from zoneinfo import ZoneInfo

#: Zones as the names of columns, files and times tell them.
ZONES = {
    "est": "-05:00", "edt": "-04:00", "cdt": "-05:00", "mst": "-07:00", "mdt": "-06:00",
    "pst": "-08:00", "pdt": "-07:00",
    "cet": "+01:00", "cest": "+02:00", "eet": "Europe/Athens", "eest": "+03:00",
    "jst": "+09:00", "kst": "+09:00", "hkt": "+08:00", "msk": "+03:00",
    "utc": "UTC", "gmt": "UTC", "newyork": "America/New_York", "eastern": "America/New_York",
    "chicago": "America/Chicago", "london": "Europe/London", "berlin": "Europe/Berlin",
    "frankfurt": "Europe/Berlin", "paris": "Europe/Paris", "moscow": "Europe/Moscow",
    "tokyo": "Asia/Tokyo", "seoul": "Asia/Seoul", "beijing": "Asia/Shanghai",
    "shanghai": "Asia/Shanghai", "singapore": "Asia/Singapore", "sydney": "Australia/Sydney",
}  # fmt: skip
#: Letters that mean several zones, which are asked about; the first is that of `REGIONS`.
SEVERAL = {
    "bst": (("+01:00", "British summer time"), ("+06:00", "Bangladesh")),
    "cst": (("-06:00", "US Central, winter"), ("America/Chicago", "Chicago"), ("+08:00", "China")),
    "ist": (("+05:30", "India"), ("+01:00", "Ireland"), ("+02:00", "Israel")),
    "ast": (("-04:00", "Atlantic"), ("+03:00", "Arabia")),
}
#: Regions whose clocks have two names, in winter and in summer.
REGIONS = {
    ("EST", "EDT"): "America/New_York", ("CST", "CDT"): "America/Chicago",
    ("MST", "MDT"): "America/Denver", ("PST", "PDT"): "America/Los_Angeles",
    ("CET", "CEST"): "Europe/Berlin", ("EET", "EEST"): "Europe/Athens",
    ("GMT", "BST"): "Europe/London",
}  # fmt: skip
#: Characters of a text that are looked at, and the hours that a zone is away from UTC at most.
_LONGEST, _FARTHEST = 200, 14
#: Hours from UTC: +02:00, +0200, UTC+2, GMT-05:30.
_AWAY = re.compile(r"([+-])(\d\d):?(\d\d)|(?:UTC|GMT)([+-])(\d\d?)(?::(\d\d))?")
#: Zones as capitals that are words of other languages in small letters.
_SHORT_ZONES = {"ET": ZONES["eastern"], "CT": ZONES["chicago"], "PT": "America/Los_Angeles"}


def zone_known(name: str) -> bool:
    """Whether a zone can be read: an IANA name, UTC or +hh:mm.

    >>> zone_known("Europe/Berlin"), zone_known("+05:30"), zone_known("Mars/Base")
    (True, True, False)
    """
    if re.fullmatch(r"[+-]\d\d:\d\d", name):
        return True
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def zone_of(name: str) -> str | None:
    """The zone that a word means, None for none that is known.

    >>> zone_of("America/New_York"), zone_of("EST"), zone_of("Mars/Base"), zone_of("")
    ('America/New_York', '-05:00', None, None)
    """
    known = ZONES.get(name.lower())
    return known or (name if "/" in name and zone_known(name) else None)


def hours_away(text: str) -> str | None:
    """The zone that hours from UTC with their sign mean, None where they are no such.

    >>> hours_away("+0200"), hours_away("UTC-5"), hours_away("GMT+05:30")
    ('+02:00', '-05:00', '+05:30')
    >>> hours_away("+2"), hours_away("0"), hours_away("-300"), hours_away("+2500")
    (None, None, None, None)
    """
    found = _AWAY.fullmatch(text)
    if found is None:
        return None
    sign, hours, minutes = (found[at] or found[at + 3] for at in (1, 2, 3))
    if int(hours) > _FARTHEST or int(minutes or 0) > 59:
        return None
    return f"{sign}{int(hours):02d}:{minutes or '00'}"


def region_of(words: Collection[str]) -> str | None:
    """The zone in which two names are those of winter and of summer, None where they are not.

    >>> region_of({"EDT", "EST"}), region_of({"EST"}), region_of({"UTC", "CET"})
    ('America/New_York', None, None)
    """
    return next((zone for pair, zone in REGIONS.items() if set(pair) == set(words)), None)


def several(words: Collection[str]) -> list[str]:
    """The letters among words that mean several zones, and have no other beside them that tells.

    >>> several({"BST"}), several({"GMT", "BST"}), several({"EST", "UTC"})
    (['BST'], [], [])
    """
    told = {one for pair in REGIONS if set(pair) <= set(words) for one in pair}
    return sorted(word for word in words if word.lower() in SEVERAL and word not in told)


def meant_by(words: Collection[str]) -> tuple[tuple[str, str], ...]:
    """What letters that mean several zones mean beside the other name of a region's clock.

    >>> meant_by({"GMT"}), meant_by({"CDT", "CST"}), meant_by({"BST"})
    ((('bst', '+01:00'),), (('cst', '-06:00'),), ())
    """
    pairs = [({*pair}, word.lower()) for pair in REGIONS for word in pair]
    return tuple(
        (word, SEVERAL[word][0][0])
        for pair, word in pairs
        if word in SEVERAL and (pair - {word.upper()}) & set(words)
    )


def zone_in(text: str) -> str | None:
    """The zone that the name of a column, or a line above a table, tells; None for none.

    >>> zone_in("Time (America/New_York)"), zone_in("time_est"), zone_in("Date (UTC+8)")
    ('America/New_York', '-05:00', '+08:00')
    >>> zone_in("Time (ET)"), zone_in("Date et heure"), zone_in("openTime")
    ('America/New_York', None, None)
    >>> zone_in("Time (UTC+24)"), zone_in("Time (EST/EDT)")
    (None, 'America/New_York')
    """
    text = text[:_LONGEST]
    away = re.search(r"(?:UTC|GMT) ?([+-])(\d\d?)(?::?(\d\d))?(?!\d)", text)
    if away is not None:
        if int(away[2]) > _FARTHEST or int(away[3] or 0) > 59:
            return None
        return f"{away[1]}{int(away[2]):02d}:{away[3] or '00'}"
    for name in re.findall(r"(?<![A-Za-z])[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+", text):
        if zone_of(name) is not None:
            return zone_of(name)
    words = re.split(r"[^a-z]+", re.sub(r"new[ _]york", "newyork", text.lower()))
    told = [zone for pair, zone in REGIONS.items() if {*map(str.lower, pair)} <= {*words}]
    told += [ZONES[word] for word in ZONES if word in words]
    short = [_SHORT_ZONES[word] for word in re.findall(r"[ (\[_]([ECP]T)[)\]]?$", text)]
    return next(iter(told + short), None)
