"""How the endpoint is reached: its address and its key, and which key may go to which address."""

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import dagster as dg
from pydantic import SecretStr

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.launchpad import is_given

API_KEY = "OPENAI_API_KEY"
BASE_URL = "OPENAI_BASE_URL"
FORMER_BASE_URL = "OPENAI_API_BASE"  # its name in older clients, which vLLM's pages still show
# A run may only name variables that are meant for it: any other could hold the key of something else.
KEYS_FOR_RUNS = "TRACE_CLUSTERING_LLM_API_KEY"
KEYS_OF_EMBEDDER = "TRACE_CLUSTERING_EMBEDDER_API_KEY"
KEY_VARIABLES = {"llm": KEYS_FOR_RUNS, "embedder": KEYS_OF_EMBEDDER}  # by the resource that has an endpoint

_OPENAI = "https://api.openai.com/v1"
_NO_KEY = "no-key"  # local servers demand a header but do not check it
_VALID_KEY = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Access:
    """Address and key of an endpoint.

    Attributes
    ----------
    base_url : str
    api_key : SecretStr
    is_of_environment : bool
        Whether the address is that of the environment, so that it may get what the environment holds for it.
    """

    base_url: str
    api_key: SecretStr
    is_of_environment: bool


def find_access(base_url: str, api_key: object, *, resource: str = "llm") -> Access | None:
    """Return address and key of the endpoint; None if there is neither.

    The key of the environment goes to the address of the environment only, which is OpenAI's if none is set.

    Parameters
    ----------
    base_url, api_key
        The fields of the resource; both may be empty.
    resource : {"llm", "embedder"}

    Raises
    ------
    InvalidSettingsError
        If the address or the key is malformed, or the key may not go to the address. The message shows
        neither.
    """
    check_address(base_url, resource=resource)
    set_address = _read_address()
    address = base_url.strip() or set_address
    is_of_environment = address.rstrip("/") in ("", (set_address or _OPENAI).rstrip("/"))
    key = _find_key(api_key, resource, is_of_environment=is_of_environment)
    if not (key or address):
        return None
    return Access(address or _OPENAI, SecretStr(key or _NO_KEY), is_of_environment)


def check_address(base_url: str, *, resource: str = "llm") -> None:
    """Refuse an address that cannot be one; an empty one is none.

    Raises
    ------
    InvalidSettingsError
    """
    if base_url.strip():
        _check_address(base_url.strip(), f"base_url of the {resource} resource, which is {BASE_URL} if empty")


def check_key(api_key: object, *, resource: str = "llm") -> None:
    """Refuse a key that cannot be one, and a variable that no run may name.

    Raises
    ------
    InvalidSettingsError
        The message does not show the key.
    """
    name, keys = _read_name(api_key), KEY_VARIABLES[resource]
    if name is None:
        if not isinstance(api_key, str):
            raise InvalidSettingsError(
                f'{resource}: api_key must be a text, or {{"env": "{keys}"}} with the name of a variable'
            )
        _check_key(api_key.strip(), f"api_key of the {resource} resource")
    elif name != API_KEY and not re.fullmatch(rf"{keys}(_\w+)?", name, re.ASCII):
        raise InvalidSettingsError(
            f"{resource}: api_key names the variable {name!r}, which is not meant for it; give the key in "
            f"{API_KEY} or in a variable whose name begins with {keys}, such as {keys}_MISTRAL"
        )


def _find_key(api_key: object, resource: str, *, is_of_environment: bool) -> str:
    check_key(api_key, resource=resource)
    name = _read_name(api_key)
    if name is None and str(api_key).strip():
        return str(api_key).strip()
    if name in (None, API_KEY) and not is_of_environment:
        if name:
            raise InvalidSettingsError(
                f"{resource}: the key of {API_KEY} is not sent to another address than that of {BASE_URL}; "
                f"give the key for base_url in a variable such as {KEY_VARIABLES[resource]}_MISTRAL"
            )
        return ""
    key = _read(name or API_KEY)
    if name and not key:
        raise InvalidSettingsError(f"{resource}: api_key names the variable {name}, which is not set")
    _check_key(key, name or API_KEY)
    return key


def _read_name(api_key: object) -> str | None:
    """Return the name of the variable that holds the key; None if the field holds the key itself."""
    if isinstance(api_key, dg.EnvVar):
        return api_key.env_var_name
    if isinstance(api_key, dict) and list(api_key) == ["env"] and isinstance(api_key["env"], str):
        return api_key["env"]
    return None


def _read_address() -> str:
    """Return the address that the environment names; empty if it names none."""
    found = {name: value for name in (BASE_URL, FORMER_BASE_URL) if (value := _read(name))}
    if len({address.rstrip("/") for address in found.values()}) > 1:
        raise InvalidSettingsError(
            f"{BASE_URL} and {FORMER_BASE_URL} name two addresses of the language model; "
            f"unset {FORMER_BASE_URL}"
        )
    for name, address in found.items():
        _check_address(address, name)
    return next(iter(found.values()), "")


def _read(name: str) -> str:
    value = os.environ.get(name, "").strip()
    return value if is_given(value) else ""


def _check_key(key: str, place: str) -> None:
    if key and not _VALID_KEY.fullmatch(key):
        raise InvalidSettingsError(
            f"The key of the language model ({place}) holds white space or characters that a key cannot "
            f"have; copy it again, best into {API_KEY}"
        )


def _check_address(address: str, place: str) -> None:
    # No message shows the address, because it may hold a key.
    advice = "such as http://host:8000/v1"
    try:
        parts = urlsplit(address)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise InvalidSettingsError(f"{_name(place)} has no valid host and port; give one {advice}") from None
    if parts.scheme not in ("http", "https"):
        raise InvalidSettingsError(f"{_name(place)} must begin with http:// or https://, {advice}")
    if not sound or not address.isprintable() or " " in address:
        raise InvalidSettingsError(f"{_name(place)} has no valid host and port; give one {advice}")
    if parts.username is not None or parts.password is not None:
        raise InvalidSettingsError(
            f"{_name(place)} must not hold a user or a password; a key belongs into {API_KEY}"
        )
    if parts.query or parts.fragment or "?" in address or "#" in address:
        raise InvalidSettingsError(
            f"{_name(place)} must end before the ? or #, without options such as api-version (Azure takes "
            f"https://NAME.openai.azure.com/openai/v1); a key belongs into {API_KEY}"
        )


def _name(place: str) -> str:
    return f"The address of the language model ({place})"
