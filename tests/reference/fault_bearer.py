"""Credentials that a proxy finds to be expired."""

from __future__ import annotations

from typing import Any

import fault_effects as effects
from fault_arena import Arena
from fault_proxy import Asked


class Bearer:
    """Credentials whose first token is no longer good."""

    def __init__(self, arena: Arena) -> None:
        import google.oauth2.credentials

        make: Any = google.oauth2.credentials.Credentials
        self.arena = arena
        self.credentials = make(
            "stale",
            refresh_token="refresh",
            token_uri=f"{arena.proxy.url}/token",
            client_id="id",
            client_secret="secret",
        )
        expired = effects.error(401, "Request had invalid authentication credentials.")
        arena.proxy.play("*", expired, when=self.stale)

    @staticmethod
    def stale(asked: Asked) -> bool:
        return asked.route not in ("token", "discovery") and asked.header("authorization") != "Bearer fresh"

    def gives(self, *answers: effects.Effect) -> None:
        """Let the place that gives tokens answer so, one after the other."""
        self.arena.proxy.play("token", effects.in_turn(*answers))
