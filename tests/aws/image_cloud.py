"""What the emulator's EC2 lacks about images, added in front of the socket by botocore's events as in ``ec2_cloud``:
tags of snapshots at CreateImage, a name that is taken, a console that says something."""

import base64
from typing import Any

from tests.aws.ec2_cloud import Ec2Cloud, injected_answer
from tests.aws.emulator import Emulator

_OK: dict[str, Any] = {"ResponseMetadata": {"HTTPStatusCode": 200}}


class ImageCloud(Ec2Cloud):
    """``consoles`` are the machines' last lines by instance. ``ssm`` is a client as the emulator has it."""

    def __init__(self, emulator: Emulator) -> None:
        self.consoles: dict[str, str] = {}
        self._snapshot_tags: list[dict[str, str]] = []
        super().__init__(emulator)
        self.ssm = emulator.session.client("ssm", endpoint_url=emulator.endpoint)

    def images(self) -> list[dict[str, Any]]:
        """This home's images as the emulator itself has them."""
        with self.no_faults():
            found = self.ec2.describe_images(Owners=["self"], Filters=self._ours())["Images"]
        return [dict(one) for one in found]

    def snapshots(self) -> list[str]:
        """Every snapshot with this home's tag."""
        with self.no_faults():
            found = self.ec2.describe_snapshots(OwnerIds=["self"], Filters=self._ours())["Snapshots"]
        return [one["SnapshotId"] for one in found]

    def base_image(self, *, disk_gb: int = 8) -> str:
        """An image of somebody else's to begin from."""
        with self.no_faults():
            return next(
                one["ImageId"]
                for one in self.ec2.describe_images(Owners=["099720109477"])["Images"]
                if any(disk.get("Ebs", {}).get("VolumeSize", 0) >= disk_gb for disk in one["BlockDeviceMappings"])
            )

    def _ours(self) -> Any:
        return [{"Name": "tag:tlfif:home", "Values": [self.home]}]

    def _before(self, model: Any, params: dict[str, Any], context: dict[str, Any], **more: object) -> Any:
        answer = super()._before(model, params, context, **more)
        if answer is not None:
            return answer
        if model.name == "CreateImage":
            return self._without_snapshot_tags(params["body"])
        if model.name == "GetConsoleOutput":
            text = self.consoles.get(params["body"]["InstanceId"], "")
            output = base64.b64encode(text.encode()).decode()
            return injected_answer(200, {"Output": output, **_OK})
        return None

    def _without_snapshot_tags(self, body: dict[str, Any]) -> Any:
        name = body["Name"]
        if any(one["Name"] == name for one in self.images()):
            error = {"Code": "InvalidAMIName.Duplicate", "Message": f"AMI name {name} is already in use"}
            return injected_answer(400, {"Error": error, **_OK})
        number = next(key.split(".")[1] for key, value in body.items() if value == "snapshot")
        prefix = f"TagSpecification.{number}."
        self._snapshot_tags = []
        for key in [key for key in body if key.startswith(prefix)]:
            value = body.pop(key)
            if key.endswith(".Key"):
                self._snapshot_tags.append({"Key": value})
            elif key.endswith(".Value"):
                self._snapshot_tags[-1]["Value"] = value
        return None

    def _after(self, http_response: Any, parsed: Any, model: Any, context: dict[str, Any], **more: object) -> None:
        if model.name == "CreateImage" and http_response.status_code == 200 and "ImageId" in parsed:
            tags = self._snapshot_tags
            with self.no_faults():
                image = self.ec2.describe_images(ImageIds=[parsed["ImageId"]])["Images"][0]
                made = [disk["Ebs"]["SnapshotId"] for disk in image["BlockDeviceMappings"]]
                self.ec2.create_tags(Resources=made, Tags=tags)
        super()._after(http_response, parsed, model, context, **more)
