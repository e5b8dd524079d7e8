"""Invitations, replies and cancellations (iCalendar, RFC 5545 and 5546) in words: event, time, place, people. Pure.

Invariant, for any text: nothing is raised, time is linear, and the result is bounded. Text that is no calendar, or an empty
one, gives an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from datetime import date, datetime, timedelta

from core.text.patterns import pattern
from core.values import dataclass

#: Lines that are read, characters of a value, events and people that are listed.
MOST_LINES, LONGEST_VALUE, MOST_EVENTS, MOST_PEOPLE = 100_000, 20_000, 50, 200

_PARAMETER = pattern(r';([A-Za-z0-9-]++)=("[^"]*+"|[^;:"]*+)')
_NAME = pattern(r"[A-Za-z0-9.-]{1,60}")
_ESCAPED = pattern(r"\\(.)", re.DOTALL)
_MOMENT = pattern(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z)?)?", re.ASCII)
_DURATION = pattern(r"\+?P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:\d{1,7}S)?)?", re.ASCII)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TITLES = {
    "REQUEST": "Invitation",
    "PUBLISH": "Appointment",
    "REPLY": "Reply to an invitation",
    "CANCEL": "Cancellation",
    "COUNTER": "Proposal of another time",
    "DECLINECOUNTER": "Refusal of the proposed time",
    "ADD": "Addition to an appointment",
    "REFRESH": "Request for the newest state of an appointment",
    "": "Appointment",
}
_KINDS = {"VTODO": "Task", "VJOURNAL": "Journal entry", "VFREEBUSY": "Free and busy times"}
_ANSWERS = {
    "ACCEPTED": "accepted",
    "DECLINED": "declined",
    "TENTATIVE": "accepted tentatively",
    "DELEGATED": "delegated",
    "COMPLETED": "completed",
    "IN-PROCESS": "in process",
}
_STATES = {"CANCELLED": "cancelled", "TENTATIVE": "tentative", "CONFIRMED": "confirmed"}
_EVERY = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year", "HOURLY": "hour"}
_WEEKDAYS = {day[:2].upper(): day for day in _DAYS}


@dataclass(frozen=True, slots=True)
class _Value:
    text: str
    parameters: dict[str, str]


@dataclass(slots=True)
class _Event:
    kind: str
    values: dict[str, list[_Value]] = field(default_factory=dict)

    def first(self, name: str) -> _Value:
        return self.values[name][0] if name in self.values else _Value("", {})

    def text(self, name: str) -> str:
        return _unescaped(self.first(name).text).strip()


def begins(text: str) -> bool:
    """True when a text begins like a calendar, whatever its name."""
    return text[:200].lstrip("\ufeff \r\n\t")[:15].upper() == "BEGIN:VCALENDAR"


def told(calendar: str) -> str:
    """A calendar in words, one event after the other; empty when there is nothing to show."""
    method, events = _events(calendar)
    texts = [_told(event, method) for event in events[:MOST_EVENTS]]
    if len(events) > MOST_EVENTS:
        texts.append(f"and {len(events) - MOST_EVENTS:,} more")
    return "\n\n".join(text for text in texts if text)


def _events(calendar: str) -> tuple[str, list[_Event]]:
    """The method of a calendar, and its events; alarms within them and time zones beside them are skipped."""
    method = ""
    events: list[_Event] = []
    inside: list[str] = []
    for name, value in _lines(calendar):
        kind = value.text.strip().upper()
        if name == "BEGIN":
            inside.append(kind)
            if kind in ("VEVENT", *_KINDS) and len(inside) <= 2:
                events.append(_Event(kind))
        elif name == "END":
            if inside:
                inside.pop()
        elif name == "METHOD" and len(inside) <= 1:
            method = kind
        elif inside and events and inside[-1] == events[-1].kind and len(inside) <= 2:
            events[-1].values.setdefault(name, []).append(value)
    return method, events


def _lines(calendar: str) -> Iterator[tuple[str, _Value]]:
    """Yield unfolded lines, each as name, parameters and value."""
    pieces: list[str] = []
    for number, line in enumerate((*calendar.splitlines()[:MOST_LINES], "")):
        if number and line[:1] in (" ", "\t"):
            pieces.append(line[1:])
            continue
        if pieces and (parsed := _line("".join(pieces))):
            yield parsed
        pieces = [line]


def _line(line: str) -> tuple[str, _Value] | None:
    name = _NAME.match(line)
    if name is None:
        return None
    at = name.end()
    parameters: dict[str, str] = {}
    while found := _PARAMETER.match(line, at):
        parameters[found[1].upper()] = found[2].strip('"')[:LONGEST_VALUE]
        at = found.end()
    if line[at : at + 1] != ":":
        return None
    return name[0].upper(), _Value(line[at + 1 : at + 1 + LONGEST_VALUE], parameters)


def _told(event: _Event, method: str) -> str:
    title = _KINDS.get(event.kind) or _TITLES.get(method, _TITLES[""])
    state = event.text("STATUS").upper()
    if state == "CANCELLED" and method != "CANCEL":
        title += " (cancelled)"
    begin = "Begins" if event.kind == "VTODO" else "When"
    rows = [
        ("What", event.text("SUMMARY")),
        (begin, _when(event)),
        ("Due", _moment(event.first("DUE"))),
        ("Instead of", _moment(event.first("RECURRENCE-ID"))),
        ("Repeats", _repeats(event.text("RRULE"))),
        ("Where", event.text("LOCATION")),
        ("From", _person(event.first("ORGANIZER"))),
        *_people(event, method),
        ("State", _STATES.get(state, "") if state != "CANCELLED" else ""),
        ("Note", event.text("COMMENT")),
        ("Link", event.text("URL")),
    ]
    lines = [f"{name + ':':<12}{' '.join(value.split())}" for name, value in rows if value]
    description = event.text("DESCRIPTION")
    if not lines and not description:
        return ""
    return "\n".join([title, *lines, *(["", description] if description else [])])


def _people(event: _Event, method: str) -> list[tuple[str, str]]:
    """The invited people, each with an answer; in a reply the answer matters."""
    rows = []
    people = event.values.get("ATTENDEE", [])
    for person in people[:MOST_PEOPLE]:
        answer = _ANSWERS.get(person.parameters.get("PARTSTAT", "").upper(), "")
        name = _person(person)
        if name:
            role = "optional" if person.parameters.get("ROLE", "").upper() == "OPT-PARTICIPANT" else ""
            facts = ", ".join(filter(None, (role, answer)))
            rows.append(("Answer" if method == "REPLY" else "Who", f"{name} ({facts})" if facts else name))
    if len(people) > MOST_PEOPLE:
        rows.append(("Who", f"and {len(people) - MOST_PEOPLE:,} more"))
    return rows


def _person(value: _Value) -> str:
    address = value.text.strip()
    if address[:7].lower() == "mailto:":
        address = address[7:]
    name = value.parameters.get("CN", "").strip()
    return f"{name} <{address}>" if name and address and name != address else name or address


def _when(event: _Event) -> str:
    """The period of an event, with the time zone; of whole days the last one is shown, not the day after it."""
    begin, end = event.first("DTSTART"), event.first("DTEND")
    start, stop = _parsed(begin.text), _parsed(end.text)
    if stop is None and start is not None:
        stop = _after(start, event.text("DURATION"))
    if start is None:
        return begin.text.strip()
    if not isinstance(start, datetime):
        last = _before(stop) if stop is not None and not isinstance(stop, datetime) else start
        return _day(start) if last <= start else f"{_day(start)} to {_day(last)}"
    zone, other = _zone(begin), _zone(end) if end.text else _zone(begin)
    if not isinstance(stop, datetime) or stop == start:
        return f"{_day(start)}, {start:%H:%M} ({zone})"
    if other != zone:
        return f"{_day(start)}, {start:%H:%M} ({zone}) to {_day(stop)}, {stop:%H:%M} ({other})"
    until = f"{stop:%H:%M}" if stop.date() == start.date() else f"{_day(stop)}, {stop:%H:%M}"
    return f"{_day(start)}, {start:%H:%M} to {until} ({zone})"


def _moment(value: _Value) -> str:
    moment = _parsed(value.text)
    if isinstance(moment, datetime):
        return f"{_day(moment)}, {moment:%H:%M} ({_zone(value)})"
    return _day(moment) if moment else value.text.strip()


def _zone(value: _Value) -> str:
    if value.text.strip().upper().endswith("Z"):
        return "UTC"
    return value.parameters.get("TZID", "").strip() or "local time"


def _day(day: date) -> str:
    return f"{_DAYS[day.weekday()]} {day.year:04}-{day:%m-%d}"


def _parsed(text: str) -> date | datetime | None:
    """A date or time as written, without its zone; None for an invalid one."""
    found = _MOMENT.fullmatch(text.strip().upper())
    if found is None:
        return None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
        return datetime.combine(day, datetime.min.time()).replace(hour=int(found[4]), minute=int(found[5])) if found[4] else day
    except ValueError:
        return None


def _after(start: date | datetime, duration: str) -> date | datetime | None:
    found = _DURATION.fullmatch(duration.upper())
    if found is None or not any(found.groups()):
        return None
    weeks, days, hours, minutes = (int(part or 0) for part in found.groups())
    try:
        return start + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    except OverflowError:
        return None


def _before(day: date) -> date:
    return day - timedelta(days=1) if day > date.min else day


def _repeats(rule: str) -> str:
    """A rule of repetition in words; unknown parts of it unchanged."""
    parts = dict(part.split("=", 1) for part in rule[:500].upper().split(";") if "=" in part)
    every = _EVERY.get(parts.pop("FREQ", ""), "")
    interval, count, until = parts.pop("INTERVAL", "1"), parts.pop("COUNT", ""), parts.pop("UNTIL", "")
    days = [_WEEKDAYS.get(day, "") for day in parts.pop("BYDAY", "").split(",") if day]
    parts.pop("WKST", None)
    if not every or parts or not all(days):
        return rule
    words = f"every {every}" if interval == "1" else f"every {interval} {every}s"
    if days:
        words += f" on {', '.join(days)}"
    if count:
        words += f", {count} times"
    return f"{words}, until {_moment(_Value(until, {}))}" if until else words


def _unescaped(text: str) -> str:
    """A text value with its escapes resolved (RFC 5545 3.3.11)."""
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)
