"""Where programs reach the model, and who may: for ``serve`` and ``connect``."""

from tlfif.client.profile import Profile
from tlfif.kernel.access import Access

ON_THIS_COMPUTER = "Programs that ask it are answered by this computer, which costs nothing."


def access_object(access: Access, profile: Profile | None) -> dict[str, object]:
    """For programs."""
    return {
        "answers": "computer" if profile is None else "aws",
        "usual_port": access.port,
        "keep": access.keep,
        "hosts": list(access.hosts),
        "origins": list(access.origins),
        "keys": [key.name for key in access.keys],
    }


def access_lines(access: Access, profile: Profile | None, *, port: int) -> list[str]:
    """For a person. ``port``: where the server listens now."""
    lines = []
    if access.port is not None and access.port != port:
        lines.append(
            f"Another program has its usual port, {access.port}, so this time it listens on {port}, and programs that "
            f"know {access.port} do not reach it. End the other program and start the server anew, or choose another "
            "port for good: ./tlfif serve --stop, then ./tlfif serve --port N"
        )
    lines.append(answered_by(profile))
    for what, named in (("names", access.hosts), ("web pages", access.origins)):
        if named:
            lines.append(f"Allowed {what}: {', '.join(named)}. To take all back: ./tlfif serve --allow-none")
    if access.keys:
        lines.append(f"Keys: {', '.join(key.name for key in access.keys)}.")
    return lines


def answered_by(profile: Profile | None) -> str:
    """Who answers other programs, and what that costs."""
    if profile is None:
        return ON_THIS_COMPUTER
    return (
        f"Programs that ask it are answered by the home on AWS in {profile.region}: a prompt starts a machine there, "
        "which costs money until it has been idle (./tlfif cost). Your budget holds for them, too."
    )
