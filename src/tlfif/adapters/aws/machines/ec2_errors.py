"""Refusals of EC2 and EventBridge Scheduler, in words for the owner.

The refusal on the Free plan has no code of its own and is recognised by its text (seen in 2025 and 2026). AWS's own
words are quoted where TL-FIF knows nothing better.
"""

import re
from collections.abc import Mapping, Sequence

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import (
    CALLER_UNKNOWN,
    AwsError,
    Fault,
    Verdict,
    code_of,
    fault_of,
    missing_right,
    verdict,
    words_of,
)
from tlfif.adapters.aws.machines.launch_plan import Attempt, Hurdle, Refusal
from tlfif.kernel.errors import MachineError
from tlfif.machines.machine_types import GPU_QUOTA, MACHINE_TYPES, VcpuQuota
from tlfif.money.prices.type_offer import TypeOffer

_NO_IMAGE = re.compile(
    r"^(InvalidAMIID|InvalidBlockDeviceMapping|InvalidSnapshot|InvalidLaunchTemplate|InvalidParameterValue$|InvalidSSM)"
)
_ABOUT_IMAGE = re.compile(r"\bssm\b|resolve:|parameter store|\bami\b|image id|launch template", re.IGNORECASE)
_FREE_PLAN = re.compile(r"free[ -]tier|free plan", re.IGNORECASE)
_ZONE = re.compile(r"\b[a-z]{2}(?:-[a-z]+)+-\d[a-z]\b")
_FILLING = re.compile(r"volume ?initiali[sz]ation", re.IGNORECASE)

NOT_STARTED = "Nothing was started and nothing is charged."


def hurdle_of(error: AwsError) -> Hurdle | None:
    """Why this attempt came to nothing; None where asking for another type or in another zone changes nothing."""
    fault = fault_of(error)
    if fault is Fault.NO_CAPACITY:
        return Hurdle.CAPACITY
    if not isinstance(error, ClientError) or fault not in {Fault.NO_QUOTA, Fault.ABSENT, Fault.OTHER}:
        return None
    if _FREE_PLAN.search(words_of(error)):
        return Hurdle.PLAN
    if _FILLING.search(f"{code_of(error)} {words_of(error)}"):
        return None
    if fault is Fault.NO_QUOTA:
        return Hurdle.QUOTA
    return Hurdle.IMAGE if _lacks_image(error) else None


def nothing_launched(
    refusals: Sequence[Refusal],
    *,
    errors: Mapping[Hurdle, AwsError],
    left: Sequence[Attempt],
    region: str,
    offer: TypeOffer | None = None,
) -> MachineError:
    """No attempt succeeded; for those ``left`` there was no time. ``errors``: AWS's last refusal of each kind.
    ``offer``: a type that the owner has not chosen and that may answer.

    What changes by itself counts first, because then it is asked again soon; then what the owner can make, an image;
    then what only AWS can permit.
    """
    if left or Hurdle.CAPACITY in errors:
        return _no_capacity(refusals, left, offer)
    if Hurdle.IMAGE in errors:
        return machine_error(errors[Hurdle.IMAGE], region=region, outcome=f"{NOT_STARTED}{_barred(refusals)}")
    if Hurdle.PLAN in errors:
        return _account_plan(_types_of(refusals), offer)
    return _no_quota(refusals, region, offer)


def machine_error(error: AwsError, *, region: str, outcome: str = NOT_STARTED) -> MachineError:
    """``error`` in the owner's words. ``outcome`` says what state that leaves and what it costs."""
    code, fault = code_of(error), fault_of(error)
    if fault is Fault.UNREACHABLE:
        return _unreachable(error, outcome)
    if verdict(error) is Verdict.REPEAT:
        return _busy(error, outcome)
    if fault in CALLER_UNKNOWN:
        return _unknown_caller(error, outcome)
    if fault is Fault.DENIED and isinstance(error, ClientError):
        return _denied(error, outcome)
    if fault is Fault.NOT_OPEN:
        return _account_pending(error, region, outcome)
    if _FREE_PLAN.search(words_of(error)):
        return _account_plan("", None, outcome)
    if _FILLING.search(f"{code} {words_of(error)}"):
        return _filling_quota(region, outcome)
    if fault is Fault.NO_QUOTA:
        return _quota_error([GPU_QUOTA], region, outcome)
    if _lacks_image(error):
        return _image_missing(error, outcome)
    return MachineError(
        f"AWS refused the machine for a reason that TL-FIF does not know ({code}: {words_of(error)}). {outcome} "
        "Run `./tlfif doctor`; it checks what AWS needs.",
        details={"aws_code": code},
    )


def hinted_zones(error: AwsError) -> frozenset[str]:
    """The zones that AWS names where it refuses for want of capacity: "You can currently get g4dn.xlarge capacity by
    not specifying an Availability Zone in your request or choosing us-east-1b, us-east-1c."."""
    _, choosing, names = str(error).rpartition(" choosing ")
    return frozenset(_ZONE.findall(names)) if choosing else frozenset()


def _lacks_image(error: AwsError) -> bool:
    code = code_of(error)
    return bool(_NO_IMAGE.match(code) and (code != "InvalidParameterValue" or _ABOUT_IMAGE.search(words_of(error))))


def _no_capacity(refusals: Sequence[Refusal], left: Sequence[Attempt], offer: TypeOffer | None) -> MachineError:
    full = [one for one in refusals if one.hurdle is Hurdle.CAPACITY]
    zones = ", ".join(sorted({one.attempt.zone.name for one in full}))
    asked = f": {_types_of(full)} in {zones}" if full else ""
    more = f" {len(left)} other places are asked next." if left else ""
    return MachineError(
        f"AWS has no machine free{asked}.{_barred(refusals)}{more} {NOT_STARTED} Your prompts wait, and it is asked "
        f"again every two minutes; Start machine asks at once.{_offered(offer)}",
        code="no_capacity",
        details={
            "tried": [f"{one.attempt.place}: {one.code}" for one in refusals],
            "left": [one.place for one in left],
        },
    )


def _barred(refusals: Sequence[Refusal]) -> str:
    quotas = " and ".join(f"{one.name} ({one.quota_id})" for one in _quotas_of(refusals))
    return f" Other types of your list are barred by your account's quota {quotas}." if quotas else ""


def _types_of(refusals: Sequence[Refusal]) -> str:
    return ", ".join(dict.fromkeys(one.attempt.instance_type for one in refusals))


def _quotas_of(refusals: Sequence[Refusal]) -> list[VcpuQuota]:
    found = [one.attempt.instance_type for one in refusals if one.hurdle is Hurdle.QUOTA]
    return list(dict.fromkeys(MACHINE_TYPES[name].quota for name in found))


def _offered(offer: TypeOffer | None) -> str:
    return f" {offer.sentence}" if offer is not None else ""


def image_at_work(version: str, instance_type: str) -> MachineError:
    """The quota allows one machine, and that is building or testing a new image."""
    return MachineError(
        f"Your account's quota allows one machine, and the new image {version} is being tested on it "
        f"({instance_type}); that ends within some minutes. {NOT_STARTED} Your prompts wait, and it is asked again "
        "every two minutes.",
        code="no_capacity",
        details={"image": version},
    )


def no_network(region: str) -> MachineError:
    """No subnet has the installation's tag."""
    return MachineError(
        f"TL-FIF's network in {region} is gone, so there is no place for a machine. {NOT_STARTED} Run `./tlfif deploy` "
        "again, then start the machine."
    )


def no_schedule(cause: AwsError, *, instance_id: str, ended: bool) -> MachineError:
    """The machine was launched, but its dead man's switch could not be set."""
    outcome = (
        "so it was ended again at once. That costs about $0.10 at most (one minute, and filling its disk)."
        if ended
        else f"and AWS did not confirm its end either. It costs money until it ends: TL-FIF goes on trying every "
        f"minute; to be sure, end {instance_id} by hand in the AWS console (EC2, Instances, Terminate)."
    )
    return MachineError(
        f"A machine was started, but the timer that ends it in any case could not be set, {outcome} "
        f"AWS says: {words_of(cause) or code_of(cause)} Run `./tlfif doctor`, then start the machine.",
        code="no_schedule",
        details={"handle": instance_id, "instance_id": instance_id, "ended": ended, "aws_code": code_of(cause)},
    )


def _no_quota(refusals: Sequence[Refusal], region: str, offer: TypeOffer | None) -> MachineError:
    meanwhile = (
        f"{NOT_STARTED}{_offered(offer)}"
        if offer is not None
        else f"{NOT_STARTED} Until then this computer answers: `./tlfif profile use computer`."
    )
    return _quota_error(_quotas_of(refusals), region, meanwhile)


def _quota_error(quotas: Sequence[VcpuQuota], region: str, outcome: str) -> MachineError:
    kind = "a GPU machine" if quotas == [GPU_QUOTA] else "a machine of your list"
    small = " and ".join(f"“{one.name}” ({one.quota_id})" for one in quotas)
    several = len(quotas) > 1
    steps = ", and ".join(
        f"{'open' if number else 'Open'} {one.page(region)} , press “Request increase at account level”, ask for "
        f"{one.wanted_vcpus}"
        for number, one in enumerate(quotas)
    )
    return MachineError(
        f"Your AWS account may not run {kind} in {region} yet: its {'quotas' if several else 'quota'} {small} "
        f"{'are' if several else 'is'} too small. {outcome} {steps}, and start the machine when AWS has agreed (hours "
        "to days). It costs nothing.",
        code="no_quota",
        details={
            "quota_code": quotas[0].quota_id,
            "quota_codes": [one.quota_id for one in quotas],
            "wanted_vcpus": quotas[0].wanted_vcpus,
            "region": region,
            "link": quotas[0].page(region),
        },
    )


def _filling_quota(region: str, outcome: str) -> MachineError:
    return MachineError(
        f"AWS fills no more disks at a set speed in {region} at the moment: your account's quota for that (volume "
        f"initialization, 5,000 MiB/s together) is used up by other starts. {outcome} Wait some minutes, then start "
        "the machine.",
        code="no_quota",
        details={"quota_code": "volume_initialization", "region": region},
    )


def _account_plan(types: str, offer: TypeOffer | None, outcome: str = NOT_STARTED) -> MachineError:
    which = f"none of the types of your list ({types})" if types else "no such machine"
    return MachineError(
        f"Your AWS account is on the Free plan, which starts {which}. {outcome}{_offered(offer)} For the others, in "
        "the AWS console open Billing and Cost Management and press “Upgrade plan”; credits that are left stay usable. "
        "Then start the machine.",
        code="account_plan",
    )


def _account_pending(error: AwsError, region: str, outcome: str) -> MachineError:
    return MachineError(
        f"AWS has not opened your account for machines in {region}, or has closed it ({words_of(error)}). {outcome} "
        "A new account is checked within hours and AWS writes when that is done; otherwise ask AWS Support. Then start "
        "the machine.",
        code="account_pending",
        details={"aws_code": code_of(error)},
    )


def _unknown_caller(error: AwsError, outcome: str) -> MachineError:
    return MachineError(
        f"AWS does not know who asks ({code_of(error)}): TL-FIF's key is missing, too old or wrong, or this "
        f"clock is. {outcome} Run `./tlfif doctor`.",
        code="aws_denied",
        details={"aws_code": code_of(error)},
    )


def _denied(error: ClientError, outcome: str) -> MachineError:
    service = "scheduler" if error.operation_name.endswith("Schedule") else "ec2"
    action = missing_right(error) or f"{service}:{error.operation_name}"
    return MachineError(
        f"AWS does not permit TL-FIF the action {action}. {outcome} Run `./tlfif deploy` again, which corrects the "
        "permissions, then start the machine.",
        code="aws_denied",
        details={"permission": action, "aws_code": code_of(error)},
    )


def _busy(error: AwsError, outcome: str) -> MachineError:
    return MachineError(
        f"AWS turned TL-FIF away several times in a row ({code_of(error)}). {outcome} It is tried again by itself.",
        code="aws_busy",
        details={"aws_code": code_of(error), "retryable": True},
    )


def _unreachable(error: AwsError, outcome: str) -> MachineError:
    return MachineError(
        f"AWS does not answer ({code_of(error)}). {outcome} It is tried again by itself; check the network.",
        code="aws_unreachable",
        details={"aws_code": code_of(error), "retryable": True},
    )


def _image_missing(error: AwsError, outcome: str) -> MachineError:
    if code_of(error) == "InvalidBlockDeviceMapping":
        return _disk_too_small(error, outcome)
    return MachineError(
        f"There is no image to start a machine from ({code_of(error)}: {words_of(error)}). {outcome} Build "
        "one (`./tlfif deploy --build-image`), approve and promote it (`./tlfif image list`, or the Images tab). This "
        "computer answers meanwhile: `./tlfif profile use computer`, or Settings, Where it runs.",
        code="image_missing",
        details={"aws_code": code_of(error)},
    )


def _disk_too_small(error: AwsError, outcome: str) -> MachineError:
    return _too_small(f"AWS says: {words_of(error)}.", outcome, aws_code=code_of(error))


def disk_smaller_than_image(version: str, *, needs_gb: int, disk_gb: int) -> MachineError:
    """The home's disks have a set size that is too small for the promoted image."""
    return _too_small(f"{version} needs {needs_gb} GB, and this home's disks have {disk_gb}.", NOT_STARTED)


def _too_small(why: str, outcome: str, **details: str) -> MachineError:
    return MachineError(
        f"The image is larger than the disk that a machine gets. {why} {outcome} Run `./tlfif deploy --disk-gb 0`, "
        "which makes each disk as large as its image, then start the machine. A GB costs about $0.10 a month while "
        "a machine runs.",
        code="disk_too_small",
        details=details,
    )
