"""Which home the commands use: this computer or AWS. Kept in ``profile.json``, which holds no secret.

Quick to import, because every command reads it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from urllib.parse import urlsplit

from tlfif.kernel.data_folder import DataFolder, write_private
from tlfif.kernel.errors import InvalidInputError, NotFoundError

COMPUTER = "computer"
AWS = "aws"
REDIRECT_PORTS = (17653, 24153, 28753)
"""Ports of the redirect URI. The user pool registers them; they are below the ports that systems use for outgoing
connections (from 32768 on Linux, 49152 elsewhere)."""
REDIRECT_PATH = "/callback"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_VISIBLE = re.compile(r"[!-~]{1,2000}")
_SCOPE = re.compile(r"[!-~]{1,200}( [!-~]{1,200}){0,19}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")


def redirect_uri(port: int) -> str:
    """The redirect URI for that port, exactly as the user pool must have it."""
    return f"http://127.0.0.1:{port}{REDIRECT_PATH}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The home on AWS: the address of its API, and its identity provider.

    Addresses are https, or http on loopback. What is None is found by OpenID discovery.
    Raises InvalidInputError (code ``profile_invalid``) for anything else.
    """

    api_url: str
    issuer: str
    client_id: str
    scope: str
    """Names separated by spaces, including ``openid``."""
    region: str
    redirect_ports: tuple[int, ...] = REDIRECT_PORTS
    """1 to 8 different ports from 1024 to 65535, tried in this order."""
    authorize_url: str | None = None
    token_url: str | None = None
    revoke_url: str | None = None
    jwks_url: str | None = None
    """The keys that sign ID tokens."""

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("api_url", "issuer", "authorize_url", "token_url", "revoke_url", "jwks_url"):
            address = getattr(self, name)
            if address is not None or name in {"api_url", "issuer"}:
                check_address(address, name)
        _check_text("client_id", self.client_id, _VISIBLE, "is not a name of visible characters")
        _check_text("scope", self.scope, _SCOPE, "is not a list of names with one space between them")
        if "openid" not in self.scope.split():
            raise _invalid("scope", "lacks openid")
        _check_text("region", self.region, _REGION, "is not a region such as eu-central-1")
        _check_ports(self.redirect_ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """The contents of the file. ``bridge``: this computer answers while a machine on AWS starts."""

    active: str = COMPUTER
    aws: Profile | None = None
    bridge: bool = False


def check_address(address: object, name: str) -> str:
    """``address`` if a token may be sent there. Raises InvalidInputError (code ``profile_invalid``)."""
    if not (isinstance(address, str) and _VISIBLE.fullmatch(address)):
        raise _invalid(name, "is not an address")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _invalid(name, "is not an address") from None
    if not host or parts.username is not None or parts.fragment or parts.query:
        raise _invalid(name, "is not a plain address such as https://example.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise _invalid(name, "does not begin with https://")
    return address


def _check_text(name: str, text: object, pattern: re.Pattern[str], what: str) -> None:
    if not (isinstance(text, str) and pattern.fullmatch(text)):
        raise _invalid(name, what)


def _check_ports(ports: object) -> None:
    if not (
        isinstance(ports, tuple)
        and 1 <= len(ports) <= 8
        and len(set(ports)) == len(ports)
        and all(type(port) is int and 1024 <= port <= 65535 for port in ports)
    ):
        raise _invalid("redirect_ports", "is not a list of 1 to 8 different ports from 1024 to 65535")


def load_profiles(data_folder: DataFolder) -> Profiles:
    """The contents of the data folder's file; this computer where there is none.

    Raises InvalidInputError (code ``profile_damaged``) for a file that is not what TL-FIF wrote; UnavailableError
    (``home_not_usable``, ``home_not_private``) where the folder is at fault.
    """
    data_folder.check()
    try:
        found = json.loads(data_folder.profile.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Profiles()
    except OSError as error:
        raise data_folder.not_usable(error) from error
    except ValueError:
        raise _damaged(data_folder, "It is not JSON") from None
    try:
        return _parsed(found)
    except InvalidInputError as error:
        raise _damaged(data_folder, error.message.rstrip(".")) from None


def save_aws_profile(data_folder: DataFolder, profile: Profile | None) -> None:
    """Store the home on AWS; None removes it, and commands use this computer again. Raises OSError.

    Otherwise the active home stays as it is: see :func:`use`.
    """
    before = load_profiles(data_folder)
    _write(data_folder, replace(before, active=before.active if profile is not None else COMPUTER, aws=profile))


def use(data_folder: DataFolder, name: str) -> Profiles:
    """Make ``computer`` or ``aws`` the active home. Raises OSError.

    Raises InvalidInputError (code ``profile_unknown``); NotFoundError (code ``profile_missing``) for an AWS home that
    was never set up.
    """
    profiles = replace(load_profiles(data_folder), active=_known(name))
    if name == AWS:
        aws_profile(profiles)
    _write(data_folder, profiles)
    return profiles


def set_bridge(data_folder: DataFolder, *, on: bool) -> Profiles:
    """Whether this computer answers while a machine on AWS starts. Raises OSError, and as :func:`load_profiles`."""
    profiles = replace(load_profiles(data_folder), bridge=on)
    _write(data_folder, profiles)
    return profiles


def aws_profile(profiles: Profiles) -> Profile:
    """The home on AWS. Raises NotFoundError (code ``profile_missing``)."""
    if profiles.aws is None:
        raise NotFoundError(
            "There is no home on AWS yet. Set it up: ./tlfif deploy. To go on with this computer: "
            f"./tlfif profile use {COMPUTER}",
            code="profile_missing",
        )
    return profiles.aws


def active_profile(data_folder: DataFolder, named: str | None = None) -> Profile | None:
    """The home on AWS if it is active, None for this computer.

    ``named`` overrides the file, for one command. Raises as :func:`use` and :func:`load_profiles` do.
    """
    if named is not None and _known(named) == COMPUTER:
        return None
    profiles = load_profiles(data_folder)
    return aws_profile(profiles) if (named or profiles.active) == AWS else None


def _write(data_folder: DataFolder, profiles: Profiles) -> None:
    found: dict[str, object] = {"active": profiles.active}
    if profiles.bridge:
        found["bridge"] = True
    if profiles.aws is not None:
        found["aws"] = {name: value for name, value in asdict(profiles.aws).items() if value is not None}
    data_folder.create()
    write_private(data_folder.profile, json.dumps(found, indent=2) + "\n")


def _parsed(found: object) -> Profiles:
    """Unknown members are ignored: a later version may have written the file."""
    if not isinstance(found, Mapping):
        raise _invalid("the file", "is not an object")
    active, aws = found.get("active"), found.get("aws")
    if not isinstance(active, str) or active not in {COMPUTER, AWS}:
        raise _invalid("active", f"is neither {COMPUTER} nor {AWS}")
    bridge = found.get("bridge") is True
    if aws is None:
        return Profiles(active=active, bridge=bridge)
    if not isinstance(aws, Mapping):
        raise _invalid("aws", "is not an object")
    known = {field.name: aws[field.name] for field in fields(Profile) if field.name in aws}
    if isinstance(known.get("redirect_ports"), list):
        known["redirect_ports"] = tuple(known["redirect_ports"])
    try:
        return Profiles(active=active, aws=Profile(**known), bridge=bridge)
    except TypeError:
        raise _invalid("aws", "lacks one of api_url, issuer, client_id, scope, region") from None


def _known(name: str) -> str:
    if name not in {COMPUTER, AWS}:
        raise InvalidInputError(
            f"There is no profile {name[:50]!r}. There are two: {COMPUTER} and {AWS}.", code="profile_unknown"
        )
    return name


def _invalid(name: str, what: str) -> InvalidInputError:
    return InvalidInputError(f"{name} {what}.", code="profile_invalid", details={"field": name})


def _damaged(data_folder: DataFolder, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"The file {data_folder.profile} is damaged. {why}. Delete it to go on with this computer; "
        "./tlfif deploy writes it again for the home on AWS.",
        code="profile_damaged",
    )
