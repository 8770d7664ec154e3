"""The port of deploying: what it needs of the cloud."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from tlfif.deployment.deployment import AccountSettings, Caller, ImageOrder, Stack, StackEvent
from tlfif.deployment.stack_changes import Change
from tlfif.images.image import Profile


class Installation(ABC):
    """One home's place in one account and region. All state is kept in the cloud.

    Every method can be repeated with the same result. The cloud's refusals are raised as TlfifError with a code and a
    sentence for the owner (``aws_no_credentials``, ``aws_expired``, ``aws_denied``, ``aws_busy``, ``aws_unreachable``,
    ``aws_region_disabled``, ``aws_limit``, ``aws_refused``).
    """

    @abstractmethod
    async def caller(self) -> Caller:
        """Whose credentials these are, and the cloud's time."""

    @abstractmethod
    async def zones(self, types: Sequence[str]) -> tuple[str, ...]:
        """Zones of the region that offer one of the machine ``types``, sorted; empty if none does."""

    @abstractmethod
    async def has_trail(self) -> bool:
        """Whether the account records its calls already, apart from this home's own trail."""

    @abstractmethod
    async def make_code_bucket(self) -> str:
        """Create the bucket for packages, without public access and tagged; returns its name."""

    @abstractmethod
    async def upload_package(self, known_key: str | None) -> str:
        """The key of the functions' package in that bucket. If ``known_key`` still exists it is used as it is;
        otherwise the package is built and uploaded under the name of its content."""

    @abstractmethod
    async def account_settings(self) -> AccountSettings:
        """The present settings."""

    @abstractmethod
    async def open_buckets(self) -> tuple[str, ...]:
        """The account's buckets that are public or may hold public objects, apart from the account's own block: what
        that block takes offline, and what its removal would expose. One that may not be looked into counts."""

    @abstractmethod
    async def set_account_settings(self, wanted: AccountSettings) -> None:
        """Set both; ``block_public`` None removes that setting."""

    @abstractmethod
    async def stack(self) -> Stack | None:
        """The stack; None if there is none, or none any more."""

    @abstractmethod
    async def prepare_stack(self, parameters: Mapping[str, str]) -> tuple[Change, ...] | None:
        """What creating or updating the stack would change; None if nothing. Nothing is begun.

        The stack must be neither moving nor dead (deployment/deployment.py). What was prepared before is forgotten.
        """

    @abstractmethod
    async def begin_stack(self) -> None:
        """Begin exactly what was prepared last. Raises ValueError if nothing was."""

    @abstractmethod
    async def forget_prepared(self) -> None:
        """Drop what was prepared; nothing if nothing was. The stack stands as before."""

    @abstractmethod
    async def kept(self) -> tuple[str, ...]:
        """The names of what this home has that cannot be made anew (``stack_changes.holds_state``): in its stack, or
        left by one that is gone and in the way of a new one."""

    @abstractmethod
    async def enable_ingress(self) -> None:
        """Let the functions and the router's schedule run again if an interrupted destroy disabled them."""

    @abstractmethod
    async def begin_delete(self) -> None:
        """Begin to delete the stack; nothing if there is none."""

    @abstractmethod
    async def stack_events(self) -> tuple[StackEvent, ...]:
        """The events of the operation that was begun last, the oldest first; empty if there is no stack."""

    @abstractmethod
    async def promoted_image(self) -> str | None:
        """The image that machines are launched from; None if none was promoted yet."""

    @abstractmethod
    async def order_image(self, profile: Profile) -> ImageOrder:
        """Have an image built from this very program. Asked twice for the same, it is built once. Raises
        UnavailableError ``image_source_missing`` where the program's own files are not here."""

    @abstractmethod
    async def image_order(self, version: str) -> ImageOrder:
        """How far that image is."""

    @abstractmethod
    async def make_owner(self, pool_id: str, email: str) -> bool:
        """Make the user with that address an owner of the home. Where there is none, one is created, who gets a first
        password by mail. False: the user existed; no mail."""
