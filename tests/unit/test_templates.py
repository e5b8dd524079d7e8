"""Filing templates: the folder of a message in a user's archive."""

from __future__ import annotations

import pytest

from core.profiles import templates


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{u-email}/INBOX", "anna@example.test/INBOX"),
        ("{h-email}/INBOX", "sales@example.test/INBOX"),
        ("Mail/{u-email} as {h-email}", "Mail/anna@example.test as sales@example.test"),
        ("Sent Items", "Sent Items"),
    ],
)
def test_placeholders_are_the_primary_address_and_the_one_that_was_found(template: str, place: str) -> None:
    """As in the guide: with {h-email} the aliases of one user have folders of their own."""
    assert templates.place(templates.checked(template), "anna@example.test", "sales@example.test") == place


def test_an_address_with_a_placeholder_in_it_stays_as_it_is() -> None:
    """An inserted value is not parsed again."""
    assert templates.place("{u-email}/{h-email}", "{h-email}@x", "{u-email}@x") == "{h-email}@x/{u-email}@x"


@pytest.mark.parametrize(
    "template", ["", "/", "{u-email}/", "/INBOX", "a//b", " a", "a/ b", "..", "a/../b", "{x}", "{u-email", "a\x1b", "x" * 501]
)
def test_a_template_that_is_no_path_is_refused(template: str) -> None:
    """Before any mail is filed by it."""
    with pytest.raises(ValueError, match=r"is no path|placeholder"):
        templates.checked(template)
