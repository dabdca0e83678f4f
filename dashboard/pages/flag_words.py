"""Flags of sessions and readings in plain words, as ingest writes them down (docs/metering.md)."""

from dashboard.i18n import mark, t

FLAGS = {
    "stop_lost": mark("its stop was lost"),
    "stop_late": mark("its stop came late"),
    "ghost": mark("closed without news, at its last reading"),
    "start_missing": mark("its start is missing"),
    "register_decreased": mark("a lower meter reading"),
    "register_jumped": mark("an impossibly high meter reading"),
    "register_negative": mark("a negative meter reading"),
    "register_reset": mark("the meter started again from another value"),
    "register_rolled_over": mark("the meter passed its highest number"),
    "register_frozen": mark("the meter stood still under power"),
    "interval_implausible": mark("an impossible energy in a reading"),
    "energy_from_power": mark("energy estimated from power"),
    "power_implausible": mark("an impossible power"),
    "clock_implausible": mark("an impossible time, replaced by that of arrival"),
    "clock_unreadable": mark("an unreadable time, replaced by that of arrival"),
    "clock_skew": mark("the station's clock is wrong"),
    "unit_unknown": mark("a value in a unit it cannot have"),
    "signature_invalid": mark("a signature that is not genuine"),
    "signed_register_differs": mark("a signed meter reading that says otherwise"),
    "times_reversed": mark("its times are reversed"),
    "imported": mark("from an earlier system"),
    "time_ambiguous": mark("a time of the hour that autumn shows twice"),
    "time_nonexistent": mark("a time of the hour that spring leaves out"),
    "value_unreadable": mark("a value could not be read"),
    "offline": mark("told later: the station had no contact"),
    "transaction_unknown": mark("of a session that nobody began here"),
    # what the id token was when it began the session
    "token_blocked": mark("the id token is blocked"),
    "token_expired": mark("the id token has expired"),
    "token_invalid": mark("the id token is invalid"),
    "token_unknown": mark("the id token is not known"),
    "token_concurrenttx": mark("the id token charges elsewhere"),
}


def flag_words(flag: str) -> str:
    """A flag without words is shown as it is, never hidden."""
    return t(FLAGS[flag]) if flag in FLAGS else flag.replace("_", " ")
