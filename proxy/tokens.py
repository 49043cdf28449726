"""Tokens and other secrets that the settings name: read from variables and files, never shown.

This module must not know what a secret is for, but for those of operators.
"""

from collections.abc import Mapping

from proxy.admin.auth import Role, Token
from proxy.errors import ConfigError
from proxy.sections import Secret
from proxy.settings import TOKEN_VARIABLE, Settings, text_of


def tokens(settings: Settings, environ: Mapping[str, str]) -> tuple[Token, ...]:
    """Read the tokens that operators may send, wherever they are.

    Raises ConfigError, which says which token is missing or unfit.
    """
    found = []
    for at, field in enumerate(settings.admin.tokens):
        where = f"admin.tokens[{at}]"
        found.append(_token(where, field.name, field.role, secret(field, where, environ)))
    if (text := environ.get(TOKEN_VARIABLE)) is not None:
        found.append(_token(f"environment {TOKEN_VARIABLE}", "environment", Role.ADMIN, text))
    if settings.purge_method and not any(token.role.allows(Role.PURGE) for token in found):
        raise ConfigError("purge_method: needs a token of role purge or admin under admin.tokens")
    return tuple(found)


def secret(wanted: Secret, where: str, environ: Mapping[str, str]) -> str:
    """Read a secret; `where` is the setting that wants it. Raises ConfigError."""
    if wanted.file is not None:
        try:
            return text_of(wanted.file).rstrip()
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
    text = environ.get(wanted.variable or "")
    if text is None:
        raise ConfigError(f"{where}: the variable {wanted.variable} is not set")
    return text


def _token(where: str, name: str, role: Role, text: str) -> Token:
    try:
        return Token.of(name, role, text)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
