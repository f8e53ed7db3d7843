"""The one way out: requests that Vitrina makes to addresses that strangers gave it (feeds, images).

`Outbound` fetches over http and https from public addresses only and within limits; everything it will not or cannot
do is an `OutboundError` whose message may be shown to whoever gave the address.
"""

from server.outbound.client import Fetched, Outbound
from server.outbound.errors import OutboundError, Refused, Unreachable

__all__ = ["Fetched", "Outbound", "OutboundError", "Refused", "Unreachable"]
