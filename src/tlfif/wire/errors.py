"""A known error on the wire, where it is part of a successful answer."""

from tlfif.wire.typed_dict import TypedDict


class ErrorView(TypedDict):
    """A stable code for programs, and a sentence for people."""

    code: str
    message: str
