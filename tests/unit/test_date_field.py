"""Date fields: the usual form gives what the reading of any form gives."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from core.message.date_field import seconds, unusual

DAYS = ("", "Mon, ", "Tue, ", "Xyz, ", "mon, ", "Mon ")
MONTHS = ("Jan", "Feb", "Jun", "Dec", "jan", "Mai", "13")
ZONES = (*("+0000", "-0000", "GMT", "UT", "EST", "+0100", "-1130", "+2359", "+2400", "-9999", "+0060", "+1"), "", "+0100 (CET)")


@given(
    st.sampled_from(DAYS),
    st.integers(0, 32),
    st.sampled_from(MONTHS),
    st.sampled_from((0, 50, 99, 1969, 1970, 1999, 2000, 2024, 2100, 9999, 12345)),
    st.tuples(st.integers(0, 25), st.integers(0, 61), st.integers(0, 61)),
    st.sampled_from(ZONES),
    st.sampled_from(("{:02}", "{}")),
)
@example("Thu, ", 1, "Jan", 1970, (0, 0, 0), "+0100", "{}")
@example("Fri, ", 31, "Dec", 9999, (23, 59, 59), "-0100", "{}")
@example("", 29, "Feb", 2024, (12, 0, 60), "GMT", "{:02}")
def test_the_usual_form_of_a_date_is_read_as_any_form_is(
    day: str, number: int, month: str, year: int, clock: tuple[int, int, int], zone: str, digits: str
) -> None:
    """Wrong days, zones of a day and more, leap seconds, the ends of the years that count."""
    time = ":".join(f"{one:02}" for one in clock)
    text = f"{day}{digits.format(number)} {month} {year:04} {time} {zone}"
    assert seconds(text) == unusual(text)
