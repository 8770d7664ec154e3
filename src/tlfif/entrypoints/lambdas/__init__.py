"""The functions on AWS."""

from tlfif.entrypoints.loading import loaded

__all__ = ["loaded"]
