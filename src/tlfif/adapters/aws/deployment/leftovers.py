"""The sweeper port on AWS: closes the door, ends machines, empties buckets, and asks each kind for what is left."""

from collections.abc import Sequence

from tlfif.adapters.aws.deployment.buckets import empty_bucket
from tlfif.adapters.aws.deployment.deployment_clients import DeploymentClients, Place, ask
from tlfif.adapters.aws.deployment.door import close_door, unless_gone
from tlfif.adapters.aws.deployment.leftover_kinds import LeftoverKind
from tlfif.adapters.aws.deployment.machine_leftovers import live_instances, machine_kinds
from tlfif.adapters.aws.deployment.service_leftovers import service_kinds
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.adapters.aws.deployment.store_leftovers import bucket_names, store_kinds
from tlfif.deployment.deployment import Found
from tlfif.deployment.sweeper import Sweeper


class AwsSweeper(Sweeper):
    """One home at one place. The names that count as ours are those of ``template``."""

    def __init__(self, clients: DeploymentClients, place: Place, *, template: StackTemplate) -> None:
        self._clients = clients
        self._place = place
        self._template = template
        kinds = [
            *machine_kinds(clients, place),
            *service_kinds(clients, place, template),
            *store_kinds(clients, place, template),
        ]
        self._kinds: dict[str, LeftoverKind] = {kind.name: kind for kind in kinds}

    async def close_door(self) -> None:
        """See ``door.py``."""
        await close_door(self._clients, self._place)

    async def machines(self) -> tuple[str, ...]:
        """By tag, in any state but terminated."""
        return await ask("ec2", lambda: tuple(live_instances(self._clients, self._place)))

    async def end_machines(self, names: Sequence[str]) -> None:
        """One by one: an id that is gone would keep EC2 from ending the others."""
        for name in names:
            await ask(
                "ec2",
                lambda name=name: unless_gone(lambda: self._clients.ec2.terminate_instances(InstanceIds=[name])),  # type: ignore[misc]  # bound early
            )

    async def empty_buckets(self) -> int:
        """All three, versions too."""
        names = bucket_names(self._place, self._template)
        return await ask("s3", lambda: sum(empty_bucket(self._clients.s3, name) for name in names))

    def kinds(self) -> tuple[tuple[str, str], ...]:
        """In the order of removal."""
        return tuple((kind.name, kind.looked_for) for kind in self._kinds.values())

    async def find(self, kind: str) -> tuple[Found, ...]:
        """What there is of that kind."""
        found = self._kinds[kind]
        return await ask(found.service, lambda: tuple(found.find()))

    async def remove(self, kind: str, name: str) -> None:
        """Remove one."""
        found = self._kinds[kind]
        await ask(found.service, lambda: unless_gone(lambda: found.remove(name)))
