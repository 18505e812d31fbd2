"""The rules as a place has them; where there is no place, or nothing in it, those that come with this package."""

from typing import NamedTuple

from consumer.publishing.place import Content, Place, place
from consumer.rules import editions
from consumer.rules.book import Book
from consumer.rules.editions import EMPTY, Editions
from consumer.settings import RulesSettings

NONE = "none"
"""The tag of what nobody has published."""


class Published(NamedTuple):
    editions: Editions
    tag: str


def settled_place() -> Place | None:
    """Of the settings. Raises SettingsError or CrashError."""
    settings = RulesSettings.load()
    return place(settings.rules, settings.aws_region) if settings.rules else None


def published(where: Place | None) -> Published:
    """Raises RetryError, or CrashError where what is there is no book of rules."""
    return read(where.read() if where else None)


def read(content: Content | None) -> Published:
    """Raises CrashError."""
    return Published(editions.read(content.data), content.tag) if content else Published(EMPTY, NONE)


def current_book() -> Book:
    """For commands. Raises SettingsError, CrashError or RetryError."""
    return published(settled_place()).editions.book
