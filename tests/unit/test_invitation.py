"""Invitations in words: event, time with time zone, place, people; for any calendar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.message.invitation import MOST_EVENTS, told

EVENT = """BEGIN:VCALENDAR
METHOD:{method}
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
SUMMARY:Budget\\, 2020
{more}
BEGIN:VALARM
DESCRIPTION:Reminder
END:VALARM
END:VEVENT
END:VCALENDAR
"""
ZONED = "DTSTART;TZID=Europe/Berlin:20200601T100000\nDTEND;TZID=Europe/Berlin:20200601T113000"


def calendar(*lines: str, method: str = "REQUEST") -> str:
    return EVENT.format(method=method, more="\n".join(lines))


def test_an_invitation_is_told_in_words() -> None:
    """Folded lines, escapes, names and addresses, answers, and a description after all of it; no alarm and no source."""
    text = told(
        calendar(
            ZONED,
            "LOCATION:Room 3\\; 2nd floor",
            "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=4",
            'ORGANIZER;CN="Anna M":mailto:anna@firma.test',
            "ATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:MAILTO:bob@fir",
            " ma.test",
            "ATTENDEE;ROLE=OPT-PARTICIPANT:mailto:eva@firma.test",
            "DESCRIPTION:Please bring\\nnumbers.",
        )
    )
    assert text.splitlines() == [
        "Invitation",
        "What:       Budget, 2020",
        "When:       Monday 2020-06-01, 10:00 to 11:30 (Europe/Berlin)",
        "Repeats:    every week on Monday, 4 times",
        "Where:      Room 3; 2nd floor",
        "From:       Anna M <anna@firma.test>",
        "Who:        Bob <bob@firma.test> (accepted)",
        "Who:        eva@firma.test (optional)",
        "",
        "Please bring",
        "numbers.",
    ]


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ("REPLY", "Reply to an invitation"),
        ("CANCEL", "Cancellation"),
        ("COUNTER", "Proposal of another time"),
        ("publish", "Appointment"),
        ("X-ODD", "Appointment"),
    ],
)
def test_methods_have_their_words(method: str, line: str) -> None:
    """A cancellation is none to come to; an unknown method is an appointment."""
    assert told(calendar(ZONED, method=method)).splitlines()[0] == line


def test_a_reply_says_who_answers_and_how() -> None:
    """The answer is what matters."""
    text = told(calendar(ZONED, "ATTENDEE;PARTSTAT=DECLINED:mailto:bob@firma.test", method="REPLY"))
    assert "Answer:     bob@firma.test (declined)" in text


@pytest.mark.parametrize(
    ("lines", "when"),
    [
        (("DTSTART:20200601T080000Z", "DTEND:20200601T090000Z"), "Monday 2020-06-01, 08:00 to 09:00 (UTC)"),
        (("DTSTART:20200601T080000", "DURATION:PT1H30M"), "Monday 2020-06-01, 08:00 to 09:30 (local time)"),
        (("DTSTART;VALUE=DATE:20200601", "DTEND;VALUE=DATE:20200602"), "Monday 2020-06-01"),
        (("DTSTART;VALUE=DATE:20200601", "DTEND;VALUE=DATE:20200604"), "Monday 2020-06-01 to Wednesday 2020-06-03"),
        (("DTSTART:20200601T230000Z", "DTEND:20200602T010000Z"), "Monday 2020-06-01, 23:00 to Tuesday 2020-06-02, 01:00 (UTC)"),
        (
            ("DTSTART;TZID=Europe/Berlin:20200601T100000", "DTEND;TZID=Asia/Tokyo:20200601T200000"),
            "Monday 2020-06-01, 10:00 (Europe/Berlin) to Monday 2020-06-01, 20:00 (Asia/Tokyo)",
        ),
        (("DTSTART:20201301T080000Z",), "20201301T080000Z"),
        (("DTSTART:99991231T230000", "DURATION:P9999W"), "Friday 9999-12-31, 23:00 (local time)"),
    ],
)
def test_times_are_told_with_their_zones(lines: tuple[str, ...], when: str) -> None:
    """UTC, named, nowhere; whole days up to the last one; and as it is written when there is no such time."""
    assert f"When:       {when}" in told(calendar(*lines)).splitlines()


def test_an_odd_rule_is_told_as_it_is_written() -> None:
    """Better its source than half of it."""
    assert "Repeats:    FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO" in told(calendar("RRULE:FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO"))


@pytest.mark.parametrize(
    "text", ["", "SUMMARY:x", "BEGIN:VCALENDAR\nEND:VCALENDAR", "Hello", "BEGIN:VEVENT\nUID:1\nEND:VEVENT"]
)
def test_a_text_that_is_no_calendar_is_no_invitation(text: str) -> None:
    """It is shown as the text that it is."""
    assert told(text) == ""


def test_many_events_are_bounded() -> None:
    """The first ones are told, the others counted."""
    text = told("BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\nSUMMARY:a\nEND:VEVENT\n" * (MOST_EVENTS + 7))
    assert text.count("What:") == MOST_EVENTS
    assert text.endswith("and 7 more")


LINES = st.sampled_from(
    [
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT",
        "END:VEVENT",
        "DTSTART",
        "DTEND:",
        ";TZID=",
        ":",
        "20200230T",
        "RRULE:FREQ=;=,",
        "\n ",
        "\n",
    ]
)


@given(st.lists(LINES | st.text(max_size=6), max_size=30).map("".join))
def test_any_text_can_be_told(text: str) -> None:
    """Nothing is raised."""
    told(text)
