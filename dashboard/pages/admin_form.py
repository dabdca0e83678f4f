"""Forms of the administration pages: fields that keep what was written, errors that stand at them.

A form has one callback. It reads every field by name, does what the form is for, and says what came
of it: done (with what is shown only once), or what is wrong with which field; then nothing that
was written is lost. assets/staff/admin.js sends a form with Enter, and goes to the first wrong
field.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboard.administration import ACTING
from dashboard.auth import require_role
from dashboard.components import Child, button, glyph
from dashboard.i18n import t
from dashboard.pages.ledger_refund import problem
from sql import RequestError
from sql.fields import FieldError, FormError, RefusedError

Values = dict[str, str]
WIDE = 28  # letters of choices that fit beside their label


@dataclass(frozen=True)
class Field:
    """One line of a form. `choices`: (value, word) of radio buttons; `suggestions`: of a list."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    most: int = 200
    choices: Sequence[tuple[str, str]] = ()
    suggestions: Sequence[str] = ()


@dataclass(frozen=True)
class Done:
    """What a form has done. `secret`: shown once, with what it is; `listed`: the page's list anew;
    `values`: what the fields hold now (empty: they are emptied), None: what was written."""

    words: str
    secret: str = ""
    secret_words: str = ""
    listed: Child = None
    values: Mapping[str, str] | None = field(default_factory=dict)


Act = Callable[[Values, Any], Done]


def form(key: str, fields: Sequence[Field], send: str, about: Any = None, note: str = "") -> Child:
    """A form. `about`: what it is about, given to its deed; `note` stands beside the button."""
    lines = [_line(key, one) for one in fields]
    foot = [
        html.Span(note, className="mut"),
        html.Span(className="sp"),
        button(send, id=f"{key}-send", kind="pri", **{"data-once": "true"}),
    ]
    return html.Div(
        [
            *lines,
            html.Div(foot, className="form-foot"),
            html.Div(id=f"{key}-said", role="status", className="said"),
            dcc.Store(id=f"{key}-about", data=about),
        ],
        className="act-form admin-form",
        **{"data-send": f"{key}-send"},  # type: ignore[arg-type]
    )


def folded(words: str, *inside: Child, is_open: bool = False) -> Child:
    """A form behind a button."""
    return html.Div(
        html.Details([html.Summary(words, className="ctl"), *inside], open=is_open),
        className="forms",
    )


def _line(key: str, one: Field) -> Child:
    place = {"form": key, "name": one.name}
    wrong = html.Span(id={"type": "wrong", **place}, className="wrong", role="alert")
    if one.choices:
        options = [{"label": word, "value": value} for value, word in one.choices]
        chosen = dcc.RadioItems(
            options,
            one.value or one.choices[0][0],
            inline=True,
            id={"type": "field", **place},
            className="seg",
        )
        label = html.Span(one.label, className="label")
        is_wide = sum(len(word) for _, word in one.choices) > WIDE
        return html.Div(
            [label, html.Div(chosen, className="choice", title=one.label), wrong],
            className="line tall" if is_wide else "line",
        )
    listed: dict[str, Any] = {}
    parts: list[Child] = []
    if one.suggestions:
        listed = {"list": f"{key}-{one.name}-list"}
        parts = [
            html.Datalist([html.Option(value=text) for text in one.suggestions], id=listed["list"])
        ]
    entry = dcc.Input(
        one.value,
        id={"type": "field", **place},
        className="field",
        placeholder=one.hint,
        maxLength=one.most,
        autoComplete="off",
        **listed,
    )
    return html.Div([html.Label([html.Span(one.label), entry]), *parts, wrong], className="line")


def register_form(
    staff: Dash, key: str, act: Act, listed: str | None = None, roles: Sequence[str] = ACTING
) -> None:
    """The callback of a form: `act(values, about)`; it raises FieldError, FormError or RequestError
    for what can't be done. `listed`: the id of the list that is drawn anew."""
    place = {"form": key, "name": ALL}

    def send(clicks: int | None, values: list[Any], about: Any) -> Any:
        names = [one["id"]["name"] for one in ctx.states_list[0]]
        same: list[Any] = [no_update] * len(names)
        if not clicks:
            return no_update, same, same, *([no_update] if listed else [])
        written = {name: str(value or "") for name, value in zip(names, values, strict=True)}
        try:
            done = act(written, about)
        except FormError as wrong:
            return _refused(wrong.errors, names, listed)
        except FieldError as wrong:
            return _refused({wrong.field: wrong}, names, listed)
        except RequestError as refused:
            return problem(told(refused)), [""] * len(names), same, *([no_update] if listed else [])
        kept = same if done.values is None else [done.values.get(name, "") for name in names]
        return said(done), [""] * len(names), kept, *([done.listed] if listed else [])

    # each form stands for itself in what may be called by whom
    send.__name__, send.__module__ = key.replace("-", "_"), act.__module__
    outputs = [
        Output(f"{key}-said", "children"),
        Output({"type": "wrong", **place}, "children"),
        Output({"type": "field", **place}, "value"),
    ]
    if listed:
        outputs.append(Output(listed, "children", allow_duplicate=True))
    staff.callback(
        *outputs,
        Input(f"{key}-send", "n_clicks"),
        State({"type": "field", **place}, "value"),
        State(f"{key}-about", "data"),
        prevent_initial_call=True,
    )(require_role(*roles)(send))


def _refused(errors: Mapping[str, FieldError], names: Sequence[str], listed: str | None) -> Any:
    """Every error at its field; what has no field stands below the form."""
    strange = [told(error) for name, error in errors.items() if name not in names]
    words = strange or [t("Nothing was saved: see the fields above.")]
    wrong = [told(errors[name]) if name in errors else "" for name in names]
    same = [no_update] * len(names)
    return problem(" ".join(words)), wrong, same, *([no_update] if listed else [])


def told(error: RequestError) -> str:
    """An error in the reader's language."""
    if isinstance(error, FieldError):
        return t("Must be {expected}.", expected=t(error.template, **error.values))
    if isinstance(error, RefusedError):
        return t(error.template, **error.values)
    return str(error)


def said(done: Done) -> Child:
    parts: list[Child] = [
        html.Div([glyph("finished"), html.Span(done.words)], className="guard ok")
    ]
    if done.secret:
        copy = button(t("Copy"), "copy", kind="ghost copy")
        shown = html.Span(
            [html.Pre(done.secret, className="mono secret"), copy], className="copied"
        )
        parts += [shown, html.P(done.secret_words, className="mut")]
    return html.Div(parts)


def register_deeds(
    staff: Dash,
    key: str,
    act: Callable[[str, Any], Done],
    listed: str,
    roles: Sequence[str] = ACTING,
) -> None:
    """The callback of buttons in a list: `act(deed, id)`. The list is drawn anew; what came of it
    stands in `<key>-said`."""

    def press(clicks: list[int | None]) -> Any:
        chosen = ctx.triggered_id
        if not any(clicks) or not isinstance(chosen, dict):
            return no_update, no_update
        try:
            done = act(str(chosen["deed"]), chosen["of"])
        except RequestError as refused:
            return problem(told(refused)), no_update
        return said(done), no_update if done.listed is None else done.listed

    press.__name__, press.__module__ = key.replace("-", "_"), act.__module__
    staff.callback(
        Output(f"{key}-said", "children"),
        Output(listed, "children", allow_duplicate=True),
        Input({"type": key, "deed": ALL, "of": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )(require_role(*roles)(press))


def deed(key: str, name: str, of: Any, words: str, title: str, kind: str = "ghost") -> Child:
    """A button of a row; `title` says of what, as its word alone does not."""
    return button(words, id={"type": key, "deed": name, "of": of}, kind=kind, title=title)


def sure(key: str, name: str, of: Any, words: str, title: str) -> Child:
    """A button that asks once more."""
    really = deed(key, name, of, words, title, kind="dng")
    first = html.Summary(f"{words}\u2026", className="ctl ghost", title=title)
    return html.Details([first, really], className="sure")


def deeds_said(key: str) -> Child:
    return html.Div(id=f"{key}-said", role="status", className="said")


def named(fields: Sequence[Field], values: Mapping[str, Any]) -> Iterator[Field]:
    """The fields with what is stored."""
    for one in fields:
        value = values.get(one.name)
        yield Field(**{**vars(one), "value": "" if value is None else str(value)})
