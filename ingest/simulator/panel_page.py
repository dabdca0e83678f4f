"""What the demo's switchboard looks like, in Swedish and English. Pure."""

from collections.abc import Mapping, Sequence
from html import escape

_WORDS = {
    "en": {
        "title": "Kilowatch demo: switches",
        "lead": "Break something, then watch the board. Nothing here touches real stations.",
        "site": "Site",
        "cut": "Cut site",
        "cut_hint": "Every station there loses contact at once. Cars charge on, "
        "and what they say is replayed.",
        "refuse": "Refuse start",
        "refuse_hint": "The stations there reject every start.",
        "freeze": "Freeze meter",
        "freeze_hint": "The meters there stop counting while power flows on.",
        "in_force": "In force",
        "nothing": "Nothing. Everything runs as it should.",
        "cut_now": "Cut off",
        "refuse_now": "Refuses starts",
        "freeze_now": "Meters frozen",
        "restore": "Restore",
        "allow": "Allow starts",
        "thaw": "Thaw meters",
    },
    "sv": {
        "title": "Kilowatch demo: strömbrytare",
        "lead": "Ha sönder något och titta på tavlan. Inget här rör riktiga stationer.",
        "site": "Plats",
        "cut": "Bryt platsen",
        "cut_hint": "Alla stationer där tappar kontakten på en gång. Bilarna laddar vidare, "
        "och det som hänt kommer i efterhand.",
        "refuse": "Neka start",
        "refuse_hint": "Stationerna där nekar varje start.",
        "freeze": "Frys mätaren",
        "freeze_hint": "Mätarna där slutar räkna fast strömmen går.",
        "in_force": "Gäller nu",
        "nothing": "Inget. Allt fungerar som det ska.",
        "cut_now": "Avbruten",
        "refuse_now": "Nekar start",
        "freeze_now": "Mätarna frusna",
        "restore": "Återställ",
        "allow": "Tillåt start",
        "thaw": "Tina mätarna",
    },
}
_UNDO = {"cut": "restore", "refuse": "allow", "freeze": "thaw"}

CSS = """
:root { color-scheme: light dark; --line: light-dark(#d0d7de, #3d444d);
  --soft: light-dark(#57606a, #9aa4af); --accent: light-dark(#0b5fbd, #6cb0ff); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: 0 0 1rem; color: var(--soft); }
label { display: block; font-weight: 600; margin-bottom: .25rem; }
select, button { font: inherit; padding: .5rem .75rem; border: 1px solid var(--line);
  border-radius: .375rem; min-height: 2.75rem; }
select { width: 100%; }
button { cursor: pointer; min-width: 10rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
ul { list-style: none; margin: 1rem 0; padding: 0; }
li { display: flex; gap: 1rem; align-items: center; padding: .5rem 0;
  border-top: 1px solid var(--line); }
li > span { flex: 1; color: var(--soft); }
li b { color: CanvasText; }
@media (max-width: 30rem) { li { flex-direction: column; align-items: stretch; gap: .25rem; } }
"""


def page(
    language: str, sites: Mapping[str, str], in_force: Sequence[tuple[str, str]], chosen: str
) -> str:
    """Return the whole page; ``in_force`` holds (kind, target) as ``Controls`` tells it."""
    words = _WORDS[language]
    return f"""<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{words["title"]}</title><link rel="stylesheet" href="/panel.css"></head>
<body><main>
<h1>{words["title"]}</h1>
<p>{words["lead"]}</p>
<form method="post" action="/">
<label for="site">{words["site"]}</label>
<select id="site" name="site">{_options(sites, chosen)}</select>
<ul>{"".join(_switch(words, kind) for kind in _UNDO)}</ul>
</form>
<section aria-live="polite"><h2>{words["in_force"]}</h2>
{_in_force(words, sites, in_force)}</section>
</main></body></html>
"""


def _options(sites: Mapping[str, str], chosen: str) -> str:
    by_name = sorted(sites.items(), key=lambda site: site[1])
    return "".join(
        f'<option value="{escape(site_id)}"{" selected" if site_id == chosen else ""}>'
        f"{escape(name)}</option>"
        for site_id, name in by_name
    )


def _switch(words: Mapping[str, str], kind: str) -> str:
    return (
        f'<li><button name="action" value="{kind}">{words[kind]}</button>'
        f"<span>{words[kind + '_hint']}</span></li>"
    )


def _in_force(
    words: Mapping[str, str], sites: Mapping[str, str], in_force: Sequence[tuple[str, str]]
) -> str:
    if not in_force:
        return f"<p>{words['nothing']}</p>"
    return f"<ul>{''.join(_row(words, sites, *row) for row in in_force)}</ul>"


def _row(words: Mapping[str, str], sites: Mapping[str, str], kind: str, target: str) -> str:
    name = escape(sites.get(target, target))
    undo = words[_UNDO[kind]]
    return (
        f"<li><span><b>{name}</b> · {words[kind + '_now']}</span>"
        f'<form method="post" action="/"><input type="hidden" name="site" value="{escape(target)}">'
        f'<button name="action" value="{_UNDO[kind]}" aria-label="{undo}: {name}">{undo}</button>'
        f"</form></li>"
    )
