"""Finds keys, tokens and passwords in a text: by the marks of their issuers, or by what they are called."""

import re
from typing import Final

from trace_clustering.documents.personal_data import Replace
from trace_clustering.documents.words import list_words

_ISSUED: Final = re.compile(
    r"(?<![\w-])(?:"
    r"sk-[\w-]{16,}|pk-lf-[\w-]{16,}|[spr]k_(?:live|test)_\w{10,}|whsec_\w{16,}|"  # OpenAI and others, Stripe
    r"A(?:KIA|SIA|GPA|IDA|ROA)[A-Z0-9]{16}(?![A-Z0-9])|"  # AWS
    r"gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|"  # GitHub, GitLab
    r"xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{16,}|"  # Slack
    r"AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{16,}|"  # Google
    r"hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|dop_v1_\w{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|"
    r"ph[cx]_\w{20,}|lsv2_\w{20,}|gsk_\w{20,}|xai-\w{20,}|r8_\w{20,}|tvly-[\w-]{16,}|shp(?:at|ss|ca)_\w{20,}|"
    r"eyJ[\w-]{8,}\.[\w-]{2,}\.[\w-]*(?:\.[\w-]+){0,2}"  # JSON web tokens
    r")"
)
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*+(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?"
)
_HEADER: Final = re.compile(r"\b((?:Bearer|Basic|Token)\s{1,5})([\w.~+/=-]{16,})", re.IGNORECASE)
_URL_PASSWORD: Final = re.compile(r"(://[^\s/:@\"'<>]{0,100}:)([^\s/@\"'<>]{1,200})(?=@)")
_NAMES: Final = (
    r"pass(?:word|wd|phrase|code)|pwd|secret(?:[_-]?(?:key|access[_-]?key))?|token|api[_-]?key|apikey|"
    r"access[_-]?key(?:[_-]?id)?|client[_-]?secret|private[_-]?key|auth[_-]?token|credentials?|passwort|kennwort|"
    r"contraseña|mot de passe|senha|wachtwoord|hasło|пароль|密码|密碼|パスワード|비밀번호"
)
# The value of an assignment, in quotes or up to a space: `password=x`, `"api_key": "x"`, `token: x1`.
_ASSIGNED: Final = re.compile(
    rf"((?:{_NAMES})(?:\\*[\"'])?\s{{0,3}}(:=|[:=：]|\bis\b|\bist\b|是)\s{{0,3}})"
    r"(?:(\\*[\"'])([^\"'\\\n]{3,500})\3|([^\s\"'\\,;&<>(){}\[\]]{3,500}+)(?!\())",
    re.IGNORECASE,
)
_NO_SECRETS: Final = list_words(
    "true false none null undefined nil str string int bool bytes optional required any number text",
    "your_password your_token your_api_key changeme yes not await new this",
)
_REFERENCE: Final = re.compile(
    r"[$%*.•x]{3,}$|\$|os\.|process\.env|/|\./|~/|self\.|settings\.|config\.|env\.|[a-z_]+\."
)
_HAS_DIGIT_OR_MARK: Final = re.compile(r"[\d!#$%^&*+/=@~]")
_HAS_DIGIT: Final = re.compile(r"\d")


def replace_keys(text: str, write: Replace) -> str:
    """Return a text in which `write` stands for each key, token and password."""
    text = _PRIVATE_KEY.sub(lambda match: write(match, match[0]), text)
    text = _ISSUED.sub(lambda match: write(match, match[0]), text)
    text = _HEADER.sub(
        lambda match: match[1] + write(match, match[2]) if _HAS_DIGIT.search(match[2]) else match[0], text
    )
    text = _URL_PASSWORD.sub(lambda match: match[1] + write(match, match[2]), text)

    def write_assigned(match: re.Match[str]) -> str:
        quote, value = match[3] or "", match[4] or match[5]
        is_sure = match[2] in ("=", ":=") or bool(quote)
        if not _is_secret(value, is_sure=is_sure):
            return match[0]
        return match[1] + quote + write(match, value) + quote

    return _ASSIGNED.sub(write_assigned, text)


def _is_secret(value: str, *, is_sure: bool) -> bool:
    """Return whether a value is a secret, not a type, a variable, or a word of a sentence."""
    if value.casefold().strip(".,;") in _NO_SECRETS or value == "[key]" or _REFERENCE.match(value):
        return False
    return is_sure or bool(_HAS_DIGIT_OR_MARK.search(value))
