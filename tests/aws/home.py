"""A whole home on the emulated AWS: tables, queue, bucket, network, template, and both functions behind their doors."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.aws.emulator import ACCESS_KEY, REGION, Emulator, tagged
from tests.aws.functions import Front, Function
from tests.aws.image_cloud import promote_paper_images
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.control.authority import OWNERS

CLIENT_ID = "client-1"
SCOPE = "tlfif/use"
ROLE = "arn:aws:iam::123456789012:role/tlfif-schedule"
DEAD_LETTERS = f"arn:aws:sqs:{REGION}:123456789012:tlfif-schedule-dead"
MODEL = "smollm2"
SIGNING_KEY = RSAKey.generate_key(2048, {"kid": "test"}, private=True)


@dataclass(kw_only=True)
class AwsHome:
    """``environment`` is what the stack would write into the functions' settings; ``front`` both doors."""

    emulator: Emulator
    name: str
    environment: dict[str, str]
    front: Front
    functions: dict[str, Function]
    template: str

    @property
    def settings(self) -> AwsSettings:
        """The same, as the functions read it."""
        prefix = "TLFIF_AWS_"
        own = {key.removeprefix(prefix).lower(): value for key, value in self.environment.items() if prefix in key}
        return AwsSettings(AWS_REGION=REGION, **own)

    def client(self, user: str = "anna", **changed: Any) -> httpx2.Client:
        """A client signed in as ``user``."""
        headers = {"Authorization": f"Bearer {self.token(user, **changed)}"}
        return httpx2.Client(base_url=self.front.url, headers=headers, timeout=40, trust_env=False, verify=False)

    def token(self, user: str, **changed: Any) -> str:
        """An access token as Cognito makes them."""
        return access_token(self.front.url, user, **changed)

    def tick(self) -> Any:
        """The minute's call of the router."""
        answer = self.functions["router"].call({"source": "aws.events"})
        assert "failed" not in answer, answer
        return answer["result"]

    def instances(self) -> dict[str, str]:
        """Every instance of this home, and its state."""
        ours = [{"Name": "tag:tlfif:home", "Values": [self.name]}]
        found = self.emulator.ec2.describe_instances(Filters=ours)["Reservations"]
        return {each["InstanceId"]: each["State"]["Name"] for part in found for each in part["Instances"]}

    def schedules(self) -> list[str]:
        """The schedules of the dead man's switches that are set."""
        return [each["Name"] for each in self.emulator.scheduler.list_schedules(GroupName=self.name)["Schedules"]]

    def log(self) -> str:
        """What both functions have written."""
        return "".join(each.log.read_text() for each in self.functions.values() if each.log.exists())


def access_token(issuer: str, user: str, **changed: Any) -> str:
    """An access token as Cognito makes them; ``changed`` are claims."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "sub": user,
        "cognito:groups": [OWNERS],
        "client_id": CLIENT_ID,
        "token_use": "access",
        "scope": f"openid {SCOPE}",
        "iat": now,
        "exp": now + 3600,
        **changed,
    }
    return jwt.encode({"alg": "RS256", "kid": "test"}, claims, SIGNING_KEY)


def access_keys() -> dict[str, Any]:
    """The list by which they are checked."""
    return {"keys": [SIGNING_KEY.as_dict(private=False)]}


@contextmanager
def a_home(
    emulator: Emulator, folder: Path, places: Mapping[str, str] | None = None, **settings: str
) -> Iterator[AwsHome]:
    """A new one, or one whose ``places`` exist already. ``settings`` are added to the environment, in its words
    (``MACHINE__HEARTBEAT_SECONDS``)."""
    places = made_places(emulator, emulator.unique("home")) if places is None else places
    name = places["HOME_NAME"]
    environment = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": emulator.endpoint,
        **{f"TLFIF_AWS_{key}": value for key, value in places.items()},
        **{f"TLFIF_AWS_{key}": value for key, value in settings.items()},
    }
    functions = {
        part: Function(
            f"tlfif.entrypoints.lambdas.{part}.handler", environment, folder / f"{part}.log", seconds=s, most=6
        )
        for part, s in (("api", 30.0), ("router", 60.0))
    }
    doors = {f"{name}-{part}": each for part, each in functions.items()}
    front = Front(doors, api=f"{name}-api", keys=access_keys())
    environment |= {"TLFIF_AWS_ISSUER": front.url, "AWS_ENDPOINT_URL_LAMBDA": front.url}
    try:
        yield AwsHome(
            emulator=emulator,
            name=name,
            environment=environment,
            front=front,
            functions=functions,
            template=environment["TLFIF_AWS_LAUNCH_TEMPLATE"],
        )
    finally:
        front.close()


def made_places(emulator: Emulator, name: str) -> dict[str, str]:
    """Everything that the stack makes for a home beside its functions, as their settings name it."""
    jobs, state, bucket = f"{name}-jobs", f"{name}-state", f"{name}-texts"
    emulator.create_jobs_table(jobs)
    emulator.create_state_table(state)
    promote_paper_images(emulator, name, state)
    emulator.create_bucket(bucket)
    emulator.logs.create_log_group(logGroupName=f"/{name}/machine")
    return {
        **made_grounds(emulator, name),
        "JOBS_TABLE": jobs,
        "STATE_TABLE": state,
        "QUEUE_URL": emulator.create_queue(f"{name}-work"),
        "BUCKET": bucket,
        "CLIENT_ID": CLIENT_ID,
        "SCOPE": SCOPE,
    }


def made_grounds(emulator: Emulator, name: str) -> dict[str, str]:
    """The part of it that machines stand on, and what both functions are told beside it."""
    emulator.scheduler.create_schedule_group(Name=name)
    emulator.ec2.create_launch_template(
        LaunchTemplateName=f"{name}-machine",
        LaunchTemplateData={"InstanceType": "g4dn.xlarge"},
        TagSpecifications=tagged("launch-template", name),
    )
    vpc = emulator.ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    for number, letter in enumerate("ab"):
        emulator.ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"10.30.{number}.0/24",
            AvailabilityZone=REGION + letter,
            TagSpecifications=tagged("subnet", name),
        )
    return {
        "HOME_NAME": name,
        "LAUNCH_TEMPLATE": f"{name}-machine",
        "SCHEDULE_GROUP": name,
        "SCHEDULE_ROLE": ROLE,
        "SCHEDULE_DEAD_LETTERS": DEAD_LETTERS,
        "ROUTER_FUNCTION": f"{name}-router",
        "MODEL": MODEL,
    }
