"""Letters to the owner, through the topic that alarms go to."""

import asyncio
import logging
from typing import Any

from tlfif.adapters.aws.calls.errors import AWS_ERRORS
from tlfif.wording.image_letters import Letter

log = logging.getLogger(__name__)

MOST_SUBJECT = 100
"""SNS takes no longer one, and ASCII only (SNS API reference, "Publish")."""


class SnsLetters:
    """``topic_arn``: whose subscriber is the owner's address, once it is confirmed."""

    def __init__(self, client: Any, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    async def send(self, letter: Letter) -> None:
        """Send it once. A letter that cannot be sent stops no image: what it says is in the window as well."""
        subject = letter.subject.encode("ascii", "replace").decode()[:MOST_SUBJECT]
        try:
            await asyncio.to_thread(
                self._client.publish, TopicArn=self._topic_arn, Subject=subject, Message=letter.text
            )
        except AWS_ERRORS as error:
            log.warning("images: a letter was not sent (%s): %s", subject, type(error).__name__)
