"""The SSM parameters that name the promoted images of a home."""


def image_parameters(home: str) -> str:
    """The path under which they are."""
    return f"/{home}/image"


def image_parameter(home: str, profile: str) -> str:
    """The parameter of one profile."""
    return f"{image_parameters(home)}/{profile}"
