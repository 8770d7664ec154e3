"""What deploying needs of the cloud."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from tlfif.deployment.deployment import AccountSettings, Caller, Stack, StackEvent


class Installation(ABC):
    """One home's place in one account and region. Nothing is kept between two calls but in the cloud.

    Every method may be repeated: made twice is made once. What the cloud refuses is raised as TlfifError with a code
    and a sentence for the owner (``aws_no_credentials``, ``aws_expired``, ``aws_denied``, ``aws_busy``,
    ``aws_unreachable``, ``aws_region_disabled``, ``aws_limit``, ``aws_refused``).
    """

    @abstractmethod
    async def caller(self) -> Caller:
        """Whose credentials these are, and the cloud's time."""

    @abstractmethod
    async def zones(self) -> tuple[str, ...]:
        """Zones of the region that offer one of the wished types of machine, sorted; empty where none does."""

    @abstractmethod
    async def has_trail(self) -> bool:
        """Whether the account records its calls already, other than by this home."""

    @abstractmethod
    async def make_code_bucket(self) -> str:
        """The bucket for packages, closed to the public and tagged; its name."""

    @abstractmethod
    async def upload_package(self, known_key: str | None) -> str:
        """Where the functions' package lies in that bucket. ``known_key`` that still lies there is taken as it is;
        otherwise the package is built and uploaded under the name of its content."""

    @abstractmethod
    async def account_settings(self) -> AccountSettings:
        """As they are now."""

    @abstractmethod
    async def set_account_settings(self, wanted: AccountSettings) -> None:
        """Both settings as wanted; ``block_public`` None removes that setting."""

    @abstractmethod
    async def stack(self) -> Stack | None:
        """The stack; None where there is none, or none any more."""

    @abstractmethod
    async def begin_stack(self, parameters: Mapping[str, str]) -> bool:
        """Begin to make the stack, or to change it. False: it is so already and nothing was begun.

        The stack must not be moving, and not be dead (deployment/deployment.py).
        """

    @abstractmethod
    async def enable_ingress(self) -> None:
        """Take prompts and look each minute again, where a broken-off destroy had ended that."""

    @abstractmethod
    async def begin_delete(self) -> None:
        """Begin to delete the stack; nothing where there is none."""

    @abstractmethod
    async def stack_events(self) -> tuple[StackEvent, ...]:
        """The events of the operation that was begun last, the oldest first; empty where there is no stack."""

    @abstractmethod
    async def promoted_image(self) -> str | None:
        """The image that machines are launched from; None where none was promoted yet."""

    @abstractmethod
    async def make_user(self, pool_id: str, email: str) -> bool:
        """A user for that address, who gets a first password by mail. False: there was one, who gets no mail."""
