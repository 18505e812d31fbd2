"""`python -m producer keys …`. Data goes to stdout, messages to stderr; the imports are late, so that help is quick."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from api_keys.issuer import Issued, Issuer

app = typer.Typer(no_args_is_help=True, help="API keys: their hashes are kept in Secrets Manager.")


def _named(value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise typer.BadParameter("is empty")
    return value


Expiry = Annotated[int | None, typer.Option(min=1, max=36500, help="Days until the key expires; never, if left out.")]
Rate = Annotated[int | None, typer.Option(min=1, help="The key's own quota, in transactions a second.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
ToSecret = Annotated[
    str | None,
    typer.Option(
        callback=_named,
        metavar="SECRET",
        help="Writes the key into this secret instead of stdout; made if there is none, encrypted with KEY_KMS_ID.",
    ),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(callback=_named, help="Whose key it is, for people.")],
    expires_in_days: Expiry = None,
    rate: Rate = None,
    to_secret: ToSecret = None,
    if_none: Annotated[
        bool, typer.Option("--if-none", help="Does nothing where there is a key, valid or not.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make an API key and show it, this once.

    AWS_REGION and API_KEYS_SECRET_ID are required. A running producer knows the key after API_KEYS_REFRESH_SECONDS.

    Example: python -m producer keys create "Bank of Example" --expires-in-days 365 --rate 500
    """
    from datetime import timedelta

    issuer = _issuer(to_secret)
    if if_none and issuer.holds_keys():
        typer.echo("There are keys already: none is made.", err=True)
        return
    issued = issuer.create(name, timedelta(days=expires_in_days) if expires_in_days else None, rate)
    _show(issued, to_secret, as_json)
    typer.echo(f"Key {issued.key.id} for {name} is made. {_whereabouts(to_secret)}", err=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the keys with their states.

    AWS_REGION and API_KEYS_SECRET_ID are required.

    Example: python -m producer keys list
    """
    from producer.auth import utc_now
    from producer.keys.listing import members, show

    keys, now = _issuer().store.keys().values(), utc_now()
    if as_json:
        typer.echo(json.dumps({"keys": [members(key, now) for key in keys]}))
    else:
        show(keys, now)


@app.command()
def rotate(
    key: Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="The key to replace.")],
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=8760, help="How long the old one is valid; 0: no more.")
    ] = 24,
    to_secret: ToSecret = None,
    as_json: AsJson = False,
) -> None:
    """Make a new key in the place of another: same name, rate and lifetime. Shows it, this once.

    The old one is valid for --overlap-hours more. AWS_REGION and API_KEYS_SECRET_ID are required.

    Example: python -m producer keys rotate "Bank of Example" --overlap-hours 72
    """
    from datetime import timedelta

    issued = _issuer(to_secret).rotate(key, timedelta(hours=overlap_hours))
    _show(issued, to_secret, as_json)
    typer.echo(f"Key {issued.key.id} for {issued.key.name} is made. {_whereabouts(to_secret)}", err=True)
    typer.echo(_end_of_the_old(issued), err=True)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, which is also in the key.")],
) -> None:
    """Make a key invalid for good. Safe to repeat.

    AWS_REGION and API_KEYS_SECRET_ID are required. A running producer refuses it after API_KEYS_REFRESH_SECONDS.

    Example: python -m producer keys revoke 097d228645db
    """
    news = _issuer().revoke(key_id)
    typer.echo(f"Key {key_id} {'is' if news else 'was already'} revoked.", err=True)


def _issuer(to_secret: str | None = None) -> "Issuer":
    from api_keys.issuer import Issuer
    from api_keys.store import KeyStore
    from producer import clients, logs
    from producer.auth import utc_now
    from producer.keys.caller import caller
    from producer.keys.handover import handover_to
    from producer.settings import KeyCommandSettings, load

    settings = load(KeyCommandSettings)
    logs.configure(settings.log_format, "INFO")  # whatever LOG_LEVEL says: each change is told
    secrets = clients.secrets_manager(settings.aws_region)
    handover = to_secret and handover_to(secrets, to_secret, settings.api_keys_secret_id, settings.key_kms_id)
    store = KeyStore(secrets, settings.api_keys_secret_id)
    return Issuer(store, utc_now, lambda: caller(clients.identities(settings.aws_region)), handover or None)


def _show(issued: "Issued", to_secret: str | None, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_members(issued, to_secret)))
    elif to_secret is None:
        typer.echo(issued.text)


def _members(issued: "Issued", to_secret: str | None) -> dict[str, Any]:
    key, replaced = issued.key, issued.replaced
    whereabouts = {"key": issued.text} if to_secret is None else {"secret": to_secret}
    shown = {"id": key.id, "name": key.name, "expiresAt": key.expires_at and key.expires_at.isoformat()}
    return whereabouts | shown | ({"replaces": replaced.id} if replaced else {})


def _whereabouts(to_secret: str | None) -> str:
    return f"It is in the secret {to_secret}." if to_secret else "It is not stored and can't be shown again."


def _end_of_the_old(issued: "Issued") -> str:
    old = issued.replaced
    assert old
    end = (
        f"is valid until {old.expires_at:%Y-%m-%d %H:%M} UTC" if old.expires_at and not old.revoked_at else "is revoked"
    )
    return f"Key {old.id}, which it replaces, {end}."
