"""Connections that send their headers too slowly are ended: each of them holds one of the few places of the server."""

import asyncio
import logging
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from flows.home import log

HEADERS_S = 20.0  # for the headers of a request to come in


class PromptProtocol(H11Protocol):
    """HTTP as uvicorn speaks it, with a limit to how long the headers of a request may take."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take in what has come, and stop waiting once the headers are whole."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._end is None:
            self._end = self.loop.call_later(HEADERS_S, self._too_slow)

    def _stop(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _too_slow(self) -> None:
        log.write("refused: the headers of a request came too slowly", logging.WARNING)
        self.transport.close()
