"""Dates: HTTP-date read in its three formats and printed in one (9110 §5.6.7).

Nothing here knows which field a date came from or what time it is.
"""

import math
import re
from datetime import date
from functools import lru_cache
from typing import Final

from proxy.http._grammar import OWS

_DAYS: Final = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS: Final = (
    *(b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun"),
    *(b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"),
)
_MONTH_NUMBER: Final = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY: Final = 86_400
_PIVOT: Final = 70

_PARTS: Final = {
    b"name": b"(?:" + b"|".join(_DAYS) + b")",
    b"long": b"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day",
    b"month": b"(?P<month>" + b"|".join(_MONTHS) + b")",
    b"time": rb"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d):(?P<second>[0-5]\d|60)",
}
# 9111 §4.2 asks caches to ignore case, and to take no zone but GMT.
_FORMATS: Final = tuple(
    re.compile(pattern % _PARTS, re.IGNORECASE)
    for pattern in (
        rb"%(name)s, (?P<day>\d\d) %(month)s (?P<year>\d{4}) %(time)s GMT",
        rb"%(long)s, (?P<day>\d\d)-%(month)s-(?P<year>\d\d) %(time)s GMT",
        rb"%(name)s %(month)s (?P<day>\d\d| \d) %(time)s (?P<year>\d{4})",
    )
)


@lru_cache(maxsize=512)
def parse(value: bytes) -> int | None:
    """Return the seconds since the epoch that an HTTP-date names, or None if it is not one.

    The day's name is not compared with the date: a wrong one does not make the instant doubtful.
    """
    text = value.strip(OWS)
    for pattern in _FORMATS:
        if found := pattern.fullmatch(text):
            return _seconds(found)
    return None


def _seconds(found: re.Match[bytes]) -> int | None:
    try:
        day = date(_year(found["year"]), _MONTH_NUMBER[found["month"].lower()], int(found["day"]))
    except ValueError:
        return None  # such as 31 February
    # POSIX time has no leap second, so that 60 becomes the second before it: a date is never
    # read as later than it was written (9111 §4.2).
    time = int(found["hour"]) * 3600 + int(found["minute"]) * 60 + min(int(found["second"]), 59)
    return (day.toordinal() - _EPOCH) * _DAY + time


def _year(digits: bytes) -> int:
    """Read a year; two digits mean 1970 to 2069.

    9110 moves dates "more than 50 years in the future" back by a century, which needs a clock.
    The fixed window agrees with that rule for all that HTTP can have dated, keeps this a function
    of its argument, and errs for the years from 2070 on towards the past, hence towards stale.
    """
    year = int(digits)
    if len(digits) > 2:  # noqa: PLR2004 - a two-digit year
        return year
    return year + (1900 if year >= _PIVOT else 2000)


def render(seconds: float) -> bytes:
    """Return seconds since the epoch as an IMF-fixdate, a fraction cut off towards the past.

    Raises ValueError outside the years 1 to 9999.
    """
    return _render(math.floor(seconds))


@lru_cache(maxsize=16)  # the current second, and a few Last-Modified beside it
def _render(second: int) -> bytes:
    days, rest = divmod(second, _DAY)
    day = date.fromordinal(days + _EPOCH)
    minutes, seconds = divmod(rest, 60)
    return b"%s, %02d %s %04d %02d:%02d:%02d GMT" % (
        *(_DAYS[day.weekday()], day.day, _MONTHS[day.month - 1], day.year),
        *(*divmod(minutes, 60), seconds),
    )
