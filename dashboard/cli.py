"""Commands about people and programs: let them in."""

import sys

import click

from sql.cli import migrated, settings


@click.group()
def user() -> None:
    """Add the people who may log in."""


@user.command("add")
@click.argument("email")
@click.option(
    "--role", type=click.Choice(["operator", "manager", "finance", "admin"]), required=True
)
@click.option("--name", help="As shown to colleagues; the address's first part if left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def user_add(email: str, role: str, name: str | None, password_stdin: bool) -> None:
    """Add a person, or change their role and password."""
    from dashboard.admin import put_user

    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with migrated(settings()) as connection:
        put_user(connection, email, name or email.partition("@")[0], role, password)
    click.echo(f"{email}: {role}")


@click.group("api-token")
def api_token() -> None:
    """Add tokens for programs that use the API."""


@api_token.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["read", "command"]),
    multiple=True,
    help="May be repeated; both if left out.",
)
def api_token_add(name: str, scopes: tuple[str, ...]) -> None:
    """Create an API token; the last line printed is the token, which is not shown again."""
    from dashboard.admin import SCOPES, add_api_token

    with migrated(settings()) as connection:
        fresh = add_api_token(connection, name, scopes or SCOPES)
    click.echo(fresh)
