"""What a verb says when it refuses.

`IllegalMove` and `Conflict` mean *not now*, `NotAllowed` means *not you*, `BadInput` means *not like this*.
A door turns each into its own language: a sentence on the page, a problem document (RFC 9457), a line in the terminal.
"""

from http import HTTPStatus

from django.utils.functional import Promise

Sentence = str | Promise


class PortalError(Exception):
    """A refusal with a sentence for the person who asked; nothing has changed when it is raised."""

    status: HTTPStatus = HTTPStatus.BAD_REQUEST
    code = "error"

    def __init__(self, message: Sentence, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code:
            self.code = code

    def __str__(self) -> str:
        return str(self.message)


class BadInput(PortalError):
    """What was sent cannot be taken as it is; `field` names the part to mend."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad_input"


class NotAllowed(PortalError):
    """The move exists, but this actor may not make it."""

    status = HTTPStatus.FORBIDDEN
    code = "not_allowed"


class IllegalMove(PortalError):
    """The move is not possible in the state that the noun is in now."""

    status = HTTPStatus.CONFLICT
    code = "illegal_move"


class Conflict(PortalError):
    """Somebody else was here first, or the same request is still under way."""

    status = HTTPStatus.CONFLICT
    code = "conflict"
