"""The routes of the map service: OGC API – Features Parts 1 to 3, and OGC API – Tiles for vector tiles."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import BoundedSemaphore
from typing import Any

import pandas as pd
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from flows.home import log
from flows.home.home import Home
from pipeline.errors import HarmspotError, PublicationError
from pipeline.privacy.pii_guard import without_people
from pipeline.publication.publish import runs
from web.gis import documents, openapi
from web.gis.answer import (
    GEOJSON,
    JSON,
    feature,
    feature_collection,
    is_page,
    json_answer,
    no_features,
    page_links,
    self_links,
    stamped,
    takes_gzip,
)
from web.gis.asked import OF_ITEM, OF_ITEMS, OF_RUN, asked_of, parameters, run_of
from web.gis.collection import Run, collection_of, collections_of
from web.gis.crs import CRS84, chosen
from web.gis.refusal import RefusalError
from web.gis.tiles import MVT, tile_of

PATH = "/gis"
TILE_THREADS, MOST_TILES = 4, 100  # threads that answer tiles, and requests that they have before them at most
RETRY_S = 5
METHODS = "GET, HEAD, OPTIONS"
CODES = {400: "InvalidParameterValue", 401: "Unauthorized", 404: "NotFound", 405: "NotAllowed", 503: "NotReady"}
Page = Callable[..., Response]
Handler = Callable[[Request], Response]


class Packing(GZipMiddleware):
    """Packs answers for those who take them so; Starlette's own overlooks `gzip;q=0`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with or without packing."""
        is_taken = takes_gzip(Headers(scope=scope).get("accept-encoding", ""))
        await (super().__call__ if is_taken else self.app)(scope, receive, send)


class MapService:
    """The map service of a home.

    Parameters
    ----------
    home : Home
        the home whose publication is shown.
    day : callable
        returns a kept run by its id, the latest for None.
    page : callable
        returns a page of the board: request, template, values.
    address : callable
        returns the address by which whoever asks reaches the board.
    """

    def __init__(
        self,
        home: Home,
        day: Callable[[str | None], Run],
        page: Page,
        address: Callable[[Request], str],
    ) -> None:
        self._home, self._day, self._page, self._address = home, day, page, address

    def app(self) -> Starlette:
        """Return the application, which answers below PATH, each address with a slash at its end or without."""
        collection = "/collections/{collection}"
        tileset = f"{collection}/tiles/WebMercatorQuad"
        routes: Mapping[str, Handler] = {
            "": self._landing,
            "/api": self._api,
            "/conformance": partial(self._fixed, make=lambda base: documents.conformance()),
            "/collections": self._collections,
            collection: partial(self._of_collection, make=documents.collection),
            f"{collection}/queryables": partial(
                self._of_collection, make=documents.queryables, kind=documents.SCHEMA, has_links=False
            ),
            f"{collection}/items": self._items,
            f"{collection}/items/{{feature:path}}": self._item,
            f"{collection}/tiles": partial(self._of_collection, make=documents.tilesets),
            tileset: partial(self._of_collection, make=documents.tileset),
            f"{tileset}/tilejson": partial(self._of_collection, make=documents.tilejson, has_links=False),
            "/tileMatrixSets": partial(self._fixed, make=documents.matrix_sets),
            "/tileMatrixSets/WebMercatorQuad": partial(self._fixed, make=lambda base: documents.matrix_set()),
        }
        answers: dict[str, Callable[..., Any]] = {path: _in_threads(handler) for path, handler in routes.items()}
        answers[f"{tileset}/{{zoom}}/{{row}}/{{column}}"] = _in_own_threads(self._tile)
        service = Starlette(
            routes=[
                Route(f"{PATH}{path}{slash}", answer, methods=["GET"])
                for path, answer in answers.items()
                for slash in ("", "/")
            ],
            middleware=[Middleware(Packing, minimum_size=2000, compresslevel=3)],
            exception_handlers={
                RefusalError: self._refused,
                HTTPException: self._http,
                HarmspotError: self._expected,
            },
        )
        service.router.redirect_slashes = False  # clients lose their token on the way, and a proxy's name
        return service

    def _base(self, request: Request) -> str:
        """Return the address of the service as whoever asks reaches it."""
        return f"{self._address(request)}{PATH}"

    def _chosen(self, given: Mapping[str, str]) -> tuple[Run | None, pd.DataFrame]:
        """Return the run that is asked for, None if none held at that time, and table `run` of that moment."""
        for tries_left in (2, 1, 0):  # the run may be published anew, or dropped, meanwhile
            kept = runs(self._home.path)
            run_id = run_of(kept, given)
            try:
                return (None if run_id is None else self._day(run_id)), kept
            except PublicationError:
                if not tries_left:
                    raise
        raise AssertionError

    def _some(self, given: Mapping[str, str]) -> tuple[Run, pd.DataFrame]:
        """Return the same; RefusalError if no run held at that time."""
        found, kept = self._chosen(given)
        if found is None:
            raise RefusalError(f"no kept run held at datetime={given['datetime'][:60]!r}", 404)
        return found, kept

    def _landing(self, request: Request) -> Response:
        given = parameters(request, OF_RUN)
        (day, _), base = self._some(given), self._base(request)
        document = documents.landing(base, day, self._home.settings.force.name)
        return stamped(self._document(request, given, document, _here(request, base)), day)

    def _api(self, request: Request) -> Response:
        given = parameters(request, ("f",))
        base, shown = self._base(request), collections_of(self._some({})[0]).values()
        force, needs_token = self._home.settings.force.name, not is_open(self._home)
        document = openapi.description(base, shown, force, needs_token=needs_token)
        if is_page(request, given):
            paths = [{"path": path, "answers": each["get"]["summary"]} for path, each in document["paths"].items()]
            head = {"title": document["info"]["title"], "links": documents.api_links(base)}
            return self._shown(request, document=head, rows=paths)
        return json_answer(document, documents.OPENAPI)

    def _fixed(self, request: Request, make: Callable[[str], Mapping[str, Any]]) -> Response:
        given, base = parameters(request, ("f",)), self._base(request)
        return self._document(request, given, make(base), _here(request, base))

    def _collections(self, request: Request) -> Response:
        given = parameters(request, OF_RUN)
        (day, kept), base = self._some(given), self._base(request)
        found = documents.collections(base, day, collections_of(day).values(), kept)
        return stamped(self._document(request, given, found, _here(request, base)), day)

    def _of_collection(
        self,
        request: Request,
        make: Callable[..., Mapping[str, Any]],
        kind: str = JSON,
        has_links: bool = True,
    ) -> Response:
        given, base = parameters(request, OF_RUN), self._base(request)
        day, kept = self._some(given)
        document = make(base, collection_of(day, request.path_params["collection"]), kept)
        here = _here(request, base)
        return stamped(self._document(request, given, document, here, kind, has_links=has_links), day)

    def _items(self, request: Request) -> Response:
        name, base = request.path_params["collection"], self._base(request)
        day, kept = self._chosen({key: text for key, text in request.query_params.items() if key in OF_RUN})
        shown = collection_of(day or self._some({})[0], name)
        given = parameters(request, [*OF_ITEMS, *(column for column in shown.kinds if column not in OF_ITEMS)])
        as_page = is_page(request, given)
        if day is None:
            return no_features(request, base, name, f"no kept run held at {given['datetime'][:60]}")
        asked = asked_of(shown, given)
        if as_page:
            here = f"{base}/collections/{name}/items"
            head = documents.collection(base, shown, kept)
            links = [*self_links(request, here, as_page=True, kind=GEOJSON), *page_links(request, here, shown, asked)]
            rows = [
                {"id": shown.ids[place], **row}
                for place, row in zip(asked.places, shown.rows(asked.places), strict=True)
            ]
            return stamped(self._shown(request, document={**head, "links": links}, rows=rows), day)
        return stamped(feature_collection(request, base, shown, asked), day)

    def _item(self, request: Request) -> Response:
        given, base = parameters(request, OF_ITEM), self._base(request)
        day, kept = self._some(given)
        shown, wanted = collection_of(day, request.path_params["collection"]), request.path_params["feature"]
        if wanted not in shown.places:
            raise RefusalError(f"{shown.name} of run {day.run_id} has no feature {wanted[:60]!r}", 404)
        place, system = shown.places[wanted], chosen(shown.systems, given.get("crs", CRS84), "crs")
        if is_page(request, given):
            head = {**documents.collection(base, shown, kept), "title": wanted}
            return stamped(self._shown(request, document=head, rows=shown.rows([place])), day)
        return stamped(feature(request, base, shown, place, system), day)

    def _tile(self, request: Request) -> Response:
        given = parameters(request, ("run", "datetime"))
        day, _ = self._some(given)
        shown = collection_of(day, request.path_params["collection"])
        packed = tile_of(shown, *(request.path_params[name] for name in ("zoom", "row", "column")))
        if packed is None:
            return stamped(Response(status_code=204), day)
        headers = {"vary": "accept-encoding"}
        if takes_gzip(request.headers.get("accept-encoding", "")):
            return stamped(Response(packed, media_type=MVT, headers={**headers, "content-encoding": "gzip"}), day)
        return stamped(Response(gzip.decompress(packed), media_type=MVT, headers=headers), day)

    def _shown(self, request: Request, document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Response:
        """Return a page of the service, which says first what its run's readers are told."""
        warnings = document.get("run", {}).get("warnings", [])
        return self._page(request, "gis.html.jinja", document=document, rows=rows, warnings=warnings)

    def _document(
        self,
        request: Request,
        given: Mapping[str, str],
        document: Mapping[str, Any],
        here: str,
        kind: str = JSON,
        *,
        has_links: bool = True,
    ) -> Response:
        """Return a document with links to itself, as JSON or as a page."""
        as_page = is_page(request, given)
        links = [*self_links(request, here, as_page=as_page, kind=kind), *document.get("links", [])]
        if as_page:
            return self._shown(request, document={**document, "links": links}, rows=_rows_of(document))
        return json_answer({**document, "links": links} if has_links else document, kind)

    def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusalError)
        return problem(error.status, error.words)

    def _http(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            asks = request.method == "OPTIONS"
            answer = Response(status_code=204) if asks else problem(405, "the service is read alone: by GET or HEAD")
            answer.headers["allow"] = METHODS
            return answer
        words = "there is nothing at this address" if error.status_code == 404 else str(error.detail)
        return problem(error.status_code, words)

    def _expected(self, request: Request, error: Exception) -> Response:
        log.write_error(error)  # whose text may name a folder
        return problem(503, "the runs cannot be read now; the log of the board says why")


def problem(status: int, words: str) -> Response:
    """Return a refusal in words, as OGC API has it."""
    code = CODES.get(status, "Refused")
    answer = json_answer({"code": code, "description": without_people(words)}, status=status)
    if status == 503:
        answer.headers["retry-after"] = str(RETRY_S)
    return answer


def is_open(home: Home) -> bool:
    """Return whether whoever reaches the service may read: the force says so, or all in the home is invented."""
    return home.settings.web.is_map_open or home.is_rehearsal


def _here(request: Request, base: str) -> str:
    """Return the address that is asked for, as whoever asks reaches it."""
    return f"{base}{request.url.path.removeprefix(PATH)}"


def _rows_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what a page shows of a document as a table."""
    if "collections" in document:
        return [{name: each[name] for name in ("id", "title", "description")} for each in document["collections"]]
    if "properties" in document:
        return [{"name": name, **each} for name, each in document["properties"].items()]
    if "conformsTo" in document:
        return [{"conforms to": each} for each in document["conformsTo"]]
    return []


def _in_threads(handler: Handler) -> Handler:
    """Return a handler as a plain function, which Starlette runs in a thread of its own."""

    def answer(request: Request) -> Response:
        return handler(request)

    return answer


def _in_own_threads(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler that takes none of the threads in which pages are made, while a zoom is drawn for seconds."""
    threads, room = ThreadPoolExecutor(TILE_THREADS, "tiles"), BoundedSemaphore(MOST_TILES)

    async def answer(request: Request) -> Response:
        if not room.acquire(blocking=False):
            raise RefusalError("too many tiles are being asked for; ask again in a few seconds", 503)
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, handler, request)
        finally:
            room.release()

    return answer
