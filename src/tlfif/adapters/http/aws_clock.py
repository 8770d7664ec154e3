"""Reads AWS's clock from the Date header of a response that needs no account."""

from email.utils import parsedate_to_datetime
from time import time

import httpx2

from tlfif.kernel.outbound import way_out, why_unreachable

ANSWER_SECONDS = 4.0


async def clock_skew(address: str, *, answer_seconds: float = ANSWER_SECONDS) -> float:
    """This computer's clock less that of the server at ``address``, in seconds; good to about a second.

    Nothing but the request is sent, and any response will do. Raises OSError where there is none, ValueError where it
    has no date.
    """
    try:
        async with httpx2.AsyncClient(timeout=answer_seconds, follow_redirects=False, **way_out(address)) as client:
            before = time()
            answer = await client.head(address)
            after = time()
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise OSError(why_unreachable(error, address)) from error
    stamp = answer.headers.get("date")
    if stamp is None:
        raise ValueError("the answer carries no date")
    # The header is rounded down to a whole second: the middle of that second is the best estimate.
    return (before + after) / 2 - (parsedate_to_datetime(stamp).timestamp() + 0.5)
