"""Saved views, and where the app opens."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route

from dashapp.services.runtime import Runtime
from dashapp.services.views import LONGEST_LINK, LONGEST_NAME, MAX_VIEWS
from dashapp.web import kept_models, models
from dashapp.web.answers import answer
from dashapp.web.deps import RuntimeDep
from dashapp.web.errors import ApiError
from dashapp.web.json_types import Body
from dashapp.web.router import Router

router = Router(prefix="/api/views", tags=["views"])


class ViewToSave(Body):
    """A link to a page and the name that it gets; a view of that name gives way."""

    name: str = Field(description=f"1 to {LONGEST_NAME} characters, of any letters")
    link: str = Field(description=f"a page and its query, up to {LONGEST_LINK} characters")
    old_name: str | None = Field(None, description="of the view that is renamed to it")


class ExportedView(Body):
    """A view as GET gives it."""

    name: str
    link: str
    saved_ms: int | None = None


class ExportedViews(Body):
    """The views that GET gave."""

    views: list[ExportedView] = Field(description=f"{MAX_VIEWS} at most")
    last: str | None = None
    kept: bool | None = None


class LinkInView(Body):
    """Where a page is."""

    link: str


@router.get("", response_model=kept_models.Views)
async def saved(runtime: RuntimeDep) -> Response:
    """The saved views, in the order of first saving, and where a page was last."""
    views = runtime.views
    kept = runtime.recorder.writer.keeps
    return answer({"views": list(views), "last": views.last_link, "kept": kept})


@router.put("", response_model=kept_models.SavedView)
async def save(runtime: RuntimeDep, view: ViewToSave) -> Response:
    """Save a link under a name, or rename the view old_name to it. Kept when it is answered."""
    try:
        kept = runtime.views.save(view.name, view.link, view.old_name)
    except KeyError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error.args[0])) from None
    await runtime.recorder.writer.flush()
    return answer(kept)


@router.delete("", response_model=models.Deleted)
async def delete(
    runtime: RuntimeDep, name: Annotated[str, Query(description="as GET lists it")]
) -> Response:
    """Delete a saved view."""
    if not runtime.views.delete(name):
        raise ApiError(HTTPStatus.NOT_FOUND, f"there is no saved view {name!r}")
    await runtime.recorder.writer.flush()
    return answer({"deleted": name})


@router.post("/import", response_model=kept_models.ImportedViews)
async def add(runtime: RuntimeDep, exported: ExportedViews) -> Response:
    """Save every view of an answer of GET, or none where one is wrong."""
    added = runtime.views.add(each.model_dump() for each in exported.views)
    await runtime.recorder.writer.flush()
    return answer({"imported": len(added)})


@router.put("/last", response_model=kept_models.LastLink)
async def leave(runtime: RuntimeDep, at: LinkInView) -> Response:
    """Tell where a page is: there the app opens, once it was left."""
    runtime.views.leave_at(at.link)
    return answer({"last": runtime.views.last_link})


class OpenWhereLeft(Route):
    """The app's bare address leads to where it was left; while a page is open it is Home's.

    It matches only where there is such a place, so that Dash answers otherwise.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        super().__init__("/", self._go, methods=["GET"], include_in_schema=False)

    def matches(self, scope: Any) -> tuple[Match, Mapping[str, Any]]:  # type: ignore[override]
        """As a route does, of a request without a query."""
        if scope.get("query_string") or self._runtime.views.opens_at is None:
            return Match.NONE, {}
        return super().matches(scope)

    async def _go(self, request: Request) -> Response:
        link = self._runtime.views.opens_at or "/?"
        return RedirectResponse(link, HTTPStatus.SEE_OTHER)
