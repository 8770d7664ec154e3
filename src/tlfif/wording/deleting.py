"""What a deletion promises, and what it cannot reach; for commands and window."""

FROM_DISK = (
    "Within a minute the text has left the disk; in a very large job file a remnant may stay until no machine runs. A "
    "machine that runs forgets it when it ends."
)
FROM_AWS = (
    "A machine that runs forgets the text when it ends. AWS keeps no copy, unless somebody turned on backups of the "
    "tables (point-in-time recovery keeps 35 days)."
)


def promise(*, on_aws: bool) -> str:
    """What holds of a prompt that is deleted in the server: the one on AWS, or the one on this computer."""
    return FROM_AWS if on_aws else FROM_DISK
