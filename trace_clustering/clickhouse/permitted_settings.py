"""Which settings a server takes with a statement: those that it caps or forbids are clamped or left out."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from trace_clustering.clickhouse.faults import get_code

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

T = TypeVar("T")

TEAM_FILTER: Final = "additional_table_filters"

_REFUSALS: Final = {36, 72, 115, 164, 291, 452, 497}
# `Setting x is readonly`, and `Cannot modify 'x' setting in readonly mode`
_NAMED: Final = re.compile(r"(?:[Ss]ettings? [`'\"]?|modify [`'\"])(\w+)")
_BOUND: Final = re.compile(r"shouldn't be (?:greater|less) than '?(-?[0-9.]+)")


class PermittedSettings:
    """What one server is known to allow; it is learnt from `system.settings` and from refusals.

    Sessions of one resource share it, so a refusal is met once.
    """

    def __init__(self) -> None:
        self._limits: dict[str, str] = {}
        self._forbidden: set[str] = set()

    def learn_from_server(self, client: "Client") -> None:
        """Note the settings that `system.settings` calls read-only for this user."""
        self._forbidden |= {name for name, setting in client.server_settings.items() if setting.readonly == 1}

    def allows(self, name: str) -> bool:
        """Return whether a setting can be sent, as far as known."""
        return name not in self._forbidden

    def select(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that can be sent, with values that the server takes."""
        return {name: self._limits.get(name, value) for name, value in settings.items() if self.allows(name)}

    def retry_without_refused(self, settings: Mapping[str, Any], call: Callable[[dict[str, Any]], T]) -> T:
        """Return what a call with settings returns; one that the server refuses is clamped or left out.

        Raises
        ------
        ClickHouseError
            Of the client library, if the call fails for another reason.
        """
        from clickhouse_connect.driver.exceptions import ClickHouseError

        while True:
            sent = self.select(settings)
            try:
                return call(sent)
            except ClickHouseError as error:
                if not self._learn_from_refusal(error, sent):
                    raise

    def _learn_from_refusal(self, error: Exception, sent: Mapping[str, Any]) -> bool:
        """Note the sent setting that an error names; return whether there is one."""
        message = str(error)
        if get_code(error) not in _REFUSALS and "is readonly" not in message:
            return False
        named = [name for name in _NAMED.findall(message) if name in sent]
        if not named:
            return False
        bound = _BOUND.search(message)
        if bound and self._limits.get(named[0]) != bound[1] and named[0] != TEAM_FILTER:
            self._limits[named[0]] = bound[1]
        else:
            self._forbidden.add(named[0])
        return True
