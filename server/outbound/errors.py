"""Why an address was not fetched, in words for the person who gave it."""


class OutboundError(Exception):
    """Nothing was fetched; the message says why and what to do. It names nothing of the inside."""


class Refused(OutboundError):  # noqa: N818 - reads as what happened
    """Vitrina will not fetch this: the address, its port or its size breaks a rule. Trying again changes nothing."""


class Unreachable(OutboundError):  # noqa: N818
    """The other side did not answer, or answered with an error. Trying again later may help.

    `status`: the HTTP status, or 0 where none came.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
