"""Limits of the connector as a fault."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from chaosnetra.connector.client import ConnectorClient
from chaosnetra.connector.effects import effect_of, look
from chaosnetra.connector.model import ConnectorModel
from chaosnetra.faults import Effect, Look, Undo
from chaosnetra.paths import DatabasePath


@dataclass(frozen=True)
class ConnectorChanged:
    """Another model for the emulator.

    `number` tells the changes of one run apart; the undo puts back what was there before it.
    """

    within: ClassVar[tuple[str, ...]] = ()
    # What lies behind it may answer late, which its measurement shows.
    place: ClassVar[str] = ""
    is_partial: ClassVar[bool] = False
    client: ConnectorClient
    model: ConnectorModel
    number: int
    path: DatabasePath

    @property
    def name(self) -> str:
        return f"connector change {self.number}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"kind": "connector", "server": self.client.url, **self.model.to_json()}

    @property
    def subject(self) -> str:
        return f"model of the connector {self.client.url}"

    def inspect(self) -> str | None:
        if self.client.model() != self.model:
            return "the connector was given another model by somebody else"
        return None

    def prepare(self) -> Undo:
        before = self.client.model()
        return Undo(
            "connector.restore_model",
            "give the connector its former model back",
            {
                "url": self.client.url,
                "ours": self.model.to_json(),
                "before": before.to_json(),
                "unchanged": before == self.model,
            },
        )

    def inject(self) -> None:
        self.client.change(self.model.to_json())

    def look(self) -> Look:
        return look(self.model, self.path)

    def measure(self) -> Effect:
        return effect_of(self.client.state(), self.model, self.path)

    def measure_beside(self, without: Look) -> Effect:
        return effect_of(self.client.state(), self.model, self.path, without)
