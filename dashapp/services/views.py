"""Saved views: links to pages under names, and the link at which the app was left.

Both are kept in the archive; without one they last as long as the process.
"""

from __future__ import annotations

import logging
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from analytics.model import CountError, ParameterError
from dashapp.services.archive.writer import ArchiveWriter
from storage.archive.archive import Archive

logger = logging.getLogger(__name__)

MAX_VIEWS = 200
LONGEST_NAME = 64
LONGEST_LINK = 8_000
#: Seconds without an open page after which the app counts as left.
LEFT_S = 150.0

_PATH = re.compile(r"/[a-z0-9-]{0,32}")
#: What a link bears of its window and of whoever opened it, not of the view.
_NOT_OF_A_VIEW = frozenset({"token", "bare", "follow", "chart"})
#: Control characters, halves of characters, ends of lines.
_NO_LETTERS = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True)
class SavedView:
    """A link to a page under a name. saved_ms: when it was saved, epoch ms."""

    name: str
    link: str
    saved_ms: int = 0


def view_name(text: object) -> str:
    """A name as it is kept: any letters, composed, without space around it.

    Raises ParameterError.

    >>> view_name("  morning · β <b> "), view_name("cafe\\u0301") == "caf\\u00e9"
    ('morning · β <b>', True)
    >>> view_name("")
    Traceback (most recent call last):
    ...
    analytics._errors.ParameterError: name is '', expected 1 to 64 letters, none of them a control
    """
    legal = f"1 to {LONGEST_NAME} letters, none of them a control"
    if not isinstance(text, str):
        raise ParameterError("name", text, legal)
    name = unicodedata.normalize("NFC", text).strip()
    letters = all(unicodedata.category(letter) not in _NO_LETTERS for letter in name)
    if not (1 <= len(name) <= LONGEST_NAME and letters):
        raise ParameterError("name", text[: LONGEST_NAME + 1], legal)
    return name


def view_link(text: object) -> str:
    """A link to a page of this app as it is kept: without its window's and its owner's part.

    Raises ParameterError.

    >>> view_link("/analytics?y=BRK.B&x=%E5%B8%81&bare=1&token=hush")
    '/analytics?y=BRK.B&x=%E5%B8%81'
    """
    legal = f"a page and its query, such as /analytics?y=BTCUSDT, of up to {LONGEST_LINK} letters"
    if not isinstance(text, str) or len(text) > LONGEST_LINK:
        shown = text[:40] + "..." if isinstance(text, str) else text
        raise ParameterError("link", shown, legal)
    path, _, query = text.partition("?")
    if not _PATH.fullmatch(path) or not text.isprintable():
        raise ParameterError("link", text[:80], legal)
    pairs = parse_qsl(query.partition("#")[0], keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name not in _NOT_OF_A_VIEW]
    return f"{path}?{urlencode(kept)}" if kept else path


class SavedViews:
    """The saved views, in the order of first saving. version: goes up whenever they change.

    last_link: where a page was last, None before one was. clock: seconds that never jump.
    """

    def __init__(self, writer: ArchiveWriter, clock: Callable[[], float] = time.monotonic) -> None:
        self.version = 0
        self.last_link: str | None = None
        self._views: dict[str, SavedView] = {}
        self._writer = writer
        self._clock = clock
        self._open_s: float | None = None

    def __iter__(self) -> Any:
        return iter(tuple(self._views.values()))

    def __len__(self) -> int:
        return len(self._views)

    # --- the views -------------------------------------------------------------------

    def save(self, name: object, link: object, old_name: object = None) -> SavedView:
        """Save a link under a name, in place of a view of that name.

        old_name: the view that is renamed to it, in its place among the others. Raises
        ParameterError, and KeyError in words where no view has the old name.
        """
        view = SavedView(view_name(name), view_link(link), _now_ms())
        if old_name is None:
            self._check_room({view.name})
        else:
            self._rename(view_name(old_name), view.name)
        self._views[view.name] = view
        self._keep([view])
        return view

    def add(self, views: Iterable[Mapping[str, Any]]) -> list[SavedView]:
        """Save views that were exported, all of them or, where one is wrong, none.

        Raises ParameterError.
        """
        taken = []
        for place, each in enumerate(views, 1):
            try:
                name, link = view_name(each.get("name")), view_link(each.get("link"))
            except ParameterError as error:
                raise ParameterError(
                    f"{error.field} of view {place}", error.value, error.legal
                ) from None
            taken.append(SavedView(name, link, _now_ms()))
        self._check_room({view.name for view in taken})
        self._views.update((view.name, view) for view in taken)
        self._keep(taken)
        return taken

    def delete(self, name: str) -> bool:
        """Delete a view; False where there is none."""
        if self._views.pop(name, None) is None:
            return False
        self.version += 1
        self._writer.keep(lambda archive: archive.delete_view(name))
        return True

    def _rename(self, old: str, new: str) -> None:
        if old not in self._views:
            raise KeyError(f"there is no saved view {old!r}")
        if old == new:
            return
        kept = (view for name, view in self._views.items() if name != new)
        renamed = [(new if view.name == old else view.name, view) for view in kept]
        self._views = dict(renamed)
        self._writer.keep(lambda archive: archive.rename_view(old, new))

    def _check_room(self, names: set[str]) -> None:
        count = len(names | set(self._views))
        if count > MAX_VIEWS:
            legal = f"at most {MAX_VIEWS}: delete some first"
            raise CountError("the list", count, legal, "views")

    def _keep(self, views: Iterable[SavedView]) -> None:
        self.version += 1
        bodies = {view.name: _body(view) for view in views}
        self._writer.keep(lambda archive: archive.save_views(bodies))

    # --- where the app was left --------------------------------------------------------

    def leave_at(self, link: object) -> None:
        """A page is at this link now. Raises ParameterError."""
        at = view_link(link)
        self.note_open()
        if at != self.last_link:
            self.last_link = at
            self._writer.keep(lambda archive: archive.set_last_link(at))

    def note_open(self) -> None:
        """A page is open now."""
        self._open_s = self._clock()

    @property
    def opens_at(self) -> str | None:
        """Where the app opens: None for Home, also while another page is open."""
        left = self._open_s is None or self._clock() - self._open_s > LEFT_S
        return self.last_link if left and self.last_link not in (None, "/") else None

    # --- the archive -------------------------------------------------------------------

    def read(self, archive: Archive) -> tuple[dict[str, dict[str, Any]], str | None]:
        """What the archive has: the views' bodies by name, and the last link. It blocks."""
        return archive.saved_views(), archive.last_link()

    def restore(self, kept: tuple[Mapping[str, Mapping[str, Any]], str | None]) -> None:
        """Take over what `read` gave, as older than what was saved meanwhile."""
        bodies, link = kept
        newer, self._views = self._views, {}
        for name, body in bodies.items():
            try:
                view = SavedView(view_name(name), view_link(body["link"]), int(body["saved_ms"]))
            except (ParameterError, KeyError, TypeError, ValueError) as error:
                logger.warning("the archive holds a view that cannot be used: %s", error)
            else:
                self._views[view.name] = view
        self._views.update(newer)
        if self.last_link is None and link is not None:
            self.last_link = link
        self.version += 1

    def keep_again(self) -> None:
        """Hand all that is known to a new archive, which may not have it."""
        self._keep(self._views.values())
        link = self.last_link
        if link is not None:
            self._writer.keep(lambda archive: archive.set_last_link(link))


def _body(view: SavedView) -> dict[str, Any]:
    fields = asdict(view)
    del fields["name"]
    return fields


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
