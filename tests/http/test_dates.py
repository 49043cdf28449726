"""HTTP-date: three formats in, one out (9110 §5.6.7)."""

import pytest

from proxy.http import dates

NOV_1994 = 784_111_777


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(b"Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994, id="9110-5.6.7-imf-fixdate"),
        pytest.param(b"Sunday, 06-Nov-94 08:49:37 GMT", NOV_1994, id="9110-5.6.7-rfc850"),
        pytest.param(b"Sun Nov  6 08:49:37 1994", NOV_1994, id="9110-5.6.7-asctime"),
        pytest.param(b"Sun Nov 06 08:49:37 1994", NOV_1994, id="9110-5.6.7-asctime-two-digits"),
        pytest.param(b"sun, 06 nov 1994 08:49:37 gmt", NOV_1994, id="9111-4.2-any-case"),
        pytest.param(b"SUNDAY, 06-NOV-94 08:49:37 GMT", NOV_1994, id="9111-4.2-any-case-rfc850"),
        pytest.param(b"\t Sun, 06 Nov 1994 08:49:37 GMT ", NOV_1994, id="surrounding-white-space"),
        pytest.param(b"Mon, 06 Nov 1994 08:49:37 GMT", NOV_1994, id="weekday-need-not-agree"),
        pytest.param(b"Thu, 01 Jan 1970 00:00:00 GMT", 0, id="epoch"),
        pytest.param(b"Wed, 31 Dec 1969 23:59:59 GMT", -1, id="before-the-epoch"),
        pytest.param(b"Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_799, id="9110-5.6.7-leap-second"),
        pytest.param(b"Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800, id="leap-day"),
        pytest.param(b"Tuesday, 31-Dec-69 23:59:59 GMT", 3_155_759_999, id="two-digits-69-is-2069"),
        pytest.param(b"Thursday, 01-Jan-70 00:00:00 GMT", 0, id="two-digits-70-is-1970"),
        pytest.param(b"Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799, id="last-year"),
    ],
)
def test_read(value: bytes, seconds: int) -> None:
    assert dates.parse(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"0", id="9111-5.3-expires-zero"),
        pytest.param(b"784111777", id="seconds"),
        pytest.param(b"Sun, 06 Nov 1994 08:49:37 UTC", id="9111-4.2-zone-utc"),
        pytest.param(b"Sun, 06 Nov 1994 08:49:37 +0000", id="9111-4.2-zone-number"),
        pytest.param(b"Sun, 06 Nov 1994 08:49:37", id="no-zone"),
        pytest.param(b"Sun Nov  6 08:49:37 1994 GMT", id="asctime-with-zone"),
        pytest.param(b"Sun, 31 Feb 1994 08:49:37 GMT", id="31-february"),
        pytest.param(b"Sun, 29 Feb 2023 08:49:37 GMT", id="no-leap-year"),
        pytest.param(b"Sun, 00 Nov 1994 08:49:37 GMT", id="day-zero"),
        pytest.param(b"Sun, 06 Nov 0000 08:49:37 GMT", id="year-zero"),
        pytest.param(b"Sun, 06 Nov 1994 24:00:00 GMT", id="hour-24"),
        pytest.param(b"Sun, 06 Nov 1994 08:60:37 GMT", id="minute-60"),
        pytest.param(b"Sun, 06 Nov 1994 08:49:61 GMT", id="second-61"),
        pytest.param(b"Sun, 6 Nov 1994 08:49:37 GMT", id="one-digit-day"),
        pytest.param(b"Sun, 06 Nov 94 08:49:37 GMT", id="two-digit-year-in-imf"),
        pytest.param(b"Sun, 06 November 1994 08:49:37 GMT", id="long-month"),
        pytest.param(b"Sun,  06 Nov 1994 08:49:37 GMT", id="two-spaces"),
        pytest.param(b"Sun 06 Nov 1994 08:49:37 GMT", id="no-comma"),
        pytest.param(b"Son, 06 Nov 1994 08:49:37 GMT", id="foreign-weekday"),
        pytest.param(b"06 Nov 1994 08:49:37 GMT", id="no-weekday"),
        pytest.param(b"Sun, 06-Nov-94 08:49:37 GMT", id="rfc850-with-short-weekday"),
        pytest.param(b"Sun, 06 Nov 1994 08:49:37 GMT, x", id="more-after-it"),
        pytest.param(b"Sun, 06 Nov 1994 08:49:37 GMT\n", id="line-feed"),
        pytest.param(
            "Sun, \N{ARABIC-INDIC DIGIT ZERO}6 Nov 1994 08:49:37 GMT".encode(), id="foreign-digits"
        ),
        pytest.param(b"\xff" * 29, id="not-ascii"),
    ],
)
def test_refused(value: bytes) -> None:
    assert dates.parse(value) is None


@pytest.mark.parametrize(
    ("seconds", "rendered"),
    [
        pytest.param(NOV_1994, b"Sun, 06 Nov 1994 08:49:37 GMT", id="9110-5.6.7-imf-fixdate"),
        pytest.param(NOV_1994 + 0.999, b"Sun, 06 Nov 1994 08:49:37 GMT", id="fraction-cut-off"),
        pytest.param(-0.5, b"Wed, 31 Dec 1969 23:59:59 GMT", id="cut-off-towards-the-past"),
        pytest.param(253_402_300_799, b"Fri, 31 Dec 9999 23:59:59 GMT", id="last-second"),
    ],
)
def test_rendered(seconds: float, rendered: bytes) -> None:
    assert dates.render(seconds) == rendered


def test_rendering_beyond_the_calendar_is_an_error() -> None:
    with pytest.raises(ValueError, match="year"):
        dates.render(253_402_300_800)
