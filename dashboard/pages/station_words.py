"""Who and which session, as every part of the station page says it."""

from flask_login import current_user

from dashboard.format import UNKNOWN
from dashboard.i18n import t
from dashboard.pages.frame import COMMANDING, may_open


def identity(id_token: str | None, card_last4: str | None = None) -> str:
    """Who it was: a card by its last four, a token whole only for those who help drivers."""
    if card_last4:
        return f"{t('Card')} \u2022\u2022\u2022\u2022 {card_last4}"
    return token_words(id_token)


def token_words(id_token: str | None) -> str:
    """A token as the reader's role may see it: whole, or its last four characters."""
    if not id_token:
        return UNKNOWN
    if current_user.has_role(*COMMANDING):
        return id_token
    return f"\u2022\u2022\u2022\u2022{id_token[-4:]}" if len(id_token) > 6 else "\u2022" * 4


def session_href(session_id: int | None) -> str:
    """The page of a session; nothing when there is none for the reader."""
    href = f"/app/session/{session_id}"
    return href if session_id and may_open(href) else ""
