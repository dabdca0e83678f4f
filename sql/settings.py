"""Settings: environment variables with the prefix KILOWATCH_, read once and typed."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from msgspec import Meta

PREFIX = "KILOWATCH_"
Port = Annotated[int, Meta(ge=0, le=65535)]


class SettingsError(Exception):
    """A setting has a value that Kilowatch can't use; the message names it."""


class Settings(msgspec.Struct, frozen=True, rename="upper", forbid_unknown_fields=True):
    """All settings with their defaults; names in upper case are the environment's."""

    database_url: str = ""  # empty: the embedded server under data_dir
    data_dir: Path = Path("data")
    ocpp_host: str = "127.0.0.1"
    ocpp_port: Port = 9000
    web_host: str = "127.0.0.1"
    web_port: Port = 8050
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    unknown_stations: Literal["reject", "pending", "accept"] = "reject"
    time_zone: str = "Europe/Stockholm"
    language: Literal["sv", "en"] = "en"
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = "SEK"
    secret_key: str = ""  # empty: generated once and kept in data_dir/secret_key
    public_url: str = ""
    smtp_url: str = ""
    tile_url: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    stripe_api_key: str = ""
    stripe_api_base: str = ""
    stripe_webhook_secret: str = ""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


HIDDEN = frozenset(
    {"secret_key", "database_url", "smtp_url", "stripe_api_key", "stripe_webhook_secret"}
)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the typed settings.

    Raises:
        SettingsError: a value is wrong; the message is one line that names it.
    """
    names = [field.upper() for field in Settings.__struct_fields__]
    given = {name: environment[PREFIX + name] for name in names if PREFIX + name in environment}
    settings = _convert(given)
    if settings.time_zone not in available_timezones():
        raise SettingsError(
            f"{PREFIX}TIME_ZONE={settings.time_zone} is no time zone;"
            " expected one such as Europe/Stockholm"
        )
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise SettingsError(f"{PREFIX}TLS_CERT and {PREFIX}TLS_KEY go together: set both or none")
    for name in ("tls_cert", "tls_key", "tls_client_ca"):
        _check_readable(name, getattr(settings, name))
    return settings


def _check_readable(name: str, path: str) -> None:
    if path and not os.access(path, os.R_OK):
        raise SettingsError(
            f"{PREFIX}{name.upper()}={path}: there is no such file that can be read"
        )


def _convert(given: Mapping[str, str]) -> Settings:
    try:
        return msgspec.convert(
            given, Settings, strict=False, dec_hook=lambda kind, text: kind(text)
        )
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(str(error), given)) from None


def _explain(message: str, given: Mapping[str, str]) -> str:
    """msgspec says "Expected `int`, got `str` - at `$.OCPP_PORT`": turn it into our own line."""
    expected, _, path = message.partition(" - at `$.")
    name = path.rstrip("`")
    return f"{PREFIX}{name}={given.get(name, '')}: {expected[0].lower()}{expected[1:]}"


def unknown_names(environment: Mapping[str, str]) -> list[str]:
    """Names with our prefix that are no settings: most likely mistyped."""
    known = {PREFIX + field.upper() for field in Settings.__struct_fields__}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def origins(environment: Mapping[str, str]) -> dict[str, str]:
    """Where each setting's value comes from: 'environment' or 'default'."""
    return {
        field: "environment" if PREFIX + field.upper() in environment else "default"
        for field in Settings.__struct_fields__
    }


def secret_key(settings: Settings) -> str:
    """The given secret key, or one that is generated at the first start and kept (mode 0600).

    Raises:
        SettingsError: it can neither be read nor kept.
    """
    if settings.secret_key:
        return settings.secret_key
    path = settings.data_dir / "secret_key"
    try:
        return _kept_key(path)
    except OSError as error:
        raise SettingsError(
            f"cannot keep the secret key in {path}: {error.strerror}"
            f" ({PREFIX}DATA_DIR, {PREFIX}SECRET_KEY)"
        ) from error


def _kept_key(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"secret_key.{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32))
        # link, not rename: of two first starts at once, one wins and both read the same key
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()
