"""Texts in the reader's language: gettext catalogues read straight from their .po files.

English sentences in the source are the keys. Every `*.po` of a language is read and merged when
the first text is asked for, so there is no compile step to forget.
"""

import gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, current_app, g, has_request_context, request

from dashboard.format import Format

LANGUAGES = {"sv": "Svenska", "en": "English"}
LANGUAGE_COOKIE, THEME_COOKIE = "language", "theme"
THEMES = ("dark", "light")
LOCALES = Path(__file__).parent / "locales"
_forced: ContextVar[str | None] = ContextVar("language", default=None)


def configure(app: Flask, language: str, time_zone: str) -> None:
    """Say what counts when the reader has said nothing: settings.language and .time_zone."""
    app.config["KILOWATCH_LANGUAGE"] = language
    app.config["KILOWATCH_ZONE"] = ZoneInfo(time_zone)


def language() -> str:
    """The reader's choice by cookie, else the browser's wish, else the installation's setting."""
    forced = _forced.get()
    if forced is not None:
        return forced
    if not has_request_context():
        return "en"
    if "language" not in g:
        g.language = _wished()
    return str(g.language)


def _wished() -> str:
    cookie = request.cookies.get(LANGUAGE_COOKIE, "")
    if cookie in LANGUAGES:
        return cookie
    fallback = current_app.config.get("KILOWATCH_LANGUAGE", "en")
    return request.accept_languages.best_match(list(LANGUAGES)) or str(fallback)


def theme() -> str:
    """The reader's theme for staff screens: dark unless the cookie says light."""
    chosen = request.cookies.get(THEME_COOKIE, "") if has_request_context() else ""
    return chosen if chosen in THEMES else THEMES[0]


def formatter(zone: str | None = None) -> Format:
    """A Format for the reader: in the named zone (a site's), else the installation's."""
    if zone is not None:
        return Format(language(), ZoneInfo(zone))
    if has_request_context() and "KILOWATCH_ZONE" in current_app.config:
        return Format(language(), current_app.config["KILOWATCH_ZONE"])
    return Format(language())


@contextmanager
def in_language(code: str) -> Iterator[None]:
    """Texts of mails, reports and tests, where no browser asks."""
    token = _forced.set(code)
    try:
        yield
    finally:
        _forced.reset(token)


def mark(message: str) -> str:
    """Name a text for translation where it is only stored; `t` translates it when shown."""
    return message


def t(message: str, **values: object) -> str:
    """The text in the reader's language, its {names} filled in."""
    text = catalogue(language()).gettext(message)
    return text.format(**values) if values else text


def tn(singular: str, plural: str, n: int, **values: object) -> str:
    """Like `t`, with a singular and a plural; {n} is the count."""
    text = catalogue(language()).ngettext(singular, plural, n)
    return text.format(**{"n": n, **values})


@cache
def catalogue(code: str) -> gettext.NullTranslations:
    """All `.po` files of a language as one catalogue; later files win over earlier ones."""
    merged: gettext.NullTranslations = gettext.NullTranslations()
    for path in sorted((LOCALES / code / "LC_MESSAGES").glob("*.po")):
        translations = _compiled(path, code)
        translations.add_fallback(merged)
        merged = translations
    return merged


def _compiled(path: Path, code: str) -> gettext.GNUTranslations:
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=code, abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
