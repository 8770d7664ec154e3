"""The home as one stack: all constructs, connected."""

from aws_cdk import BootstraplessSynthesizer, CfnOutput, Stack, Tags
from constructs import Construct

from infra.constructs.account import Account, AccountProps
from infra.constructs.api import Api, ApiProps
from infra.constructs.identity import Identity, IdentityProps
from infra.constructs.images import Images, ImagesProps
from infra.constructs.machine import Machine, MachineProps
from infra.constructs.money import Money, MoneyProps
from infra.constructs.router import Router, RouterProps
from infra.constructs.stops import Stops, StopsProps
from infra.constructs.store import Store, StoreProps
from infra.constructs.watch import Watch, WatchProps, alarm_topic_arn
from infra.function import Code
from infra.parameters import HomeParameters, declare
from infra.rights import HOME_TAG
from infra.wildcards import accept_wildcards


class HomeStack(Stack):
    """Everything of one home on AWS while no machine runs."""

    def __init__(self, scope: Construct, construct_id: str, *, synthesizer: BootstraplessSynthesizer) -> None:
        super().__init__(
            scope,
            construct_id,
            synthesizer=synthesizer,
            analytics_reporting=False,
            description="TL-FIF: a private language model that costs money only while it answers.",
        )
        given = declare(self)
        home = given.home
        self.identity = Identity(self, "Identity", props=IdentityProps(home=home))
        self.store = Store(self, "Store", props=StoreProps(home=home))
        self.stops = Stops(self, "Stops", props=StopsProps(home=home))
        self.machine = self._machine(given)
        self.images = self._images(given)
        self.router = self._router(given)
        self.api = self._api(given)
        self._alarms(given)
        Account(self, "Account", props=AccountProps(home=home, wanted=given.create_trail))
        Tags.of(self).add(HOME_TAG, home, exclude_resource_types=["aws:cdk:stack"])
        accept_wildcards(self)
        self._outputs()

    def _machine(self, given: HomeParameters) -> Machine:
        props = MachineProps(
            home=given.home,
            zones=given.zones,
            instance_types=given.instance_types,
            disk_gb=given.disk_gb,
            sizes_disk=given.sizes_disk,
            keeps_disk=given.keeps_disk,
            store=self.store,
        )
        return Machine(self, "Machine", props=props)

    def _images(self, given: HomeParameters) -> Images:
        props = ImagesProps(
            home=given.home,
            code=Code(bucket=given.code_bucket, key=given.code_key),
            reserve=given.reserve_concurrency,
            machine_settings=given.machine_settings,
            push=given.push,
            monthly=given.monthly_rebuild,
            topic_arn=alarm_topic_arn(self, given.home),
            store=self.store,
            machine=self.machine,
            stops=self.stops,
        )
        return Images(self, "Images", props=props)

    def _router(self, given: HomeParameters) -> Router:
        props = RouterProps(
            home=given.home,
            code=Code(bucket=given.code_bucket, key=given.code_key),
            reserve=given.reserve_concurrency,
            machine_settings=given.machine_settings,
            standby=given.standby,
            store=self.store,
            machine=self.machine,
            stops=self.stops,
            images=self.images,
        )
        return Router(self, "Router", props=props)

    def _api(self, given: HomeParameters) -> Api:
        props = ApiProps(
            home=given.home,
            code=Code(bucket=given.code_bucket, key=given.code_key),
            reserve=given.reserve_concurrency,
            machine_settings=given.machine_settings,
            standby=given.standby,
            identity=self.identity,
            store=self.store,
            machine=self.machine,
            router=self.router,
        )
        return Api(self, "Api", props=props)

    def _alarms(self, given: HomeParameters) -> None:
        props = WatchProps(
            home=given.home,
            email=given.alarm_email,
            router=self.router.function,
            api_id=self.api.api.ref,
            dead=self.store.dead,
            schedule_dead=self.stops.dead,
        )
        topic = Watch(self, "Watch", props=props).topic
        budget = MoneyProps(
            home=given.home, monthly_usd=given.monthly_budget_usd, topic_arn=topic.ref, email=given.alarm_email
        )
        Money(self, "Money", props=budget)

    def _outputs(self) -> None:
        """What ``tlfif deploy`` writes into the client's profile and needs for its last steps."""
        outputs = {
            "ApiUrl": (self.api.url, "Where window and command line go"),
            "Issuer": (self.identity.issuer, "Who signs tokens"),
            "SignInUrl": (self.identity.sign_in_url, "Where the browser goes"),
            "ClientId": (self.identity.client.ref, "The client of window and command line; it has no secret"),
            "Scope": (" ".join(self.identity.asked_scopes), "The scopes that window and command line request"),
            "UserPoolId": (self.identity.pool.ref, "Where the owner's user is made"),
            "BucketName": (self.store.bucket.ref, "Models, releases, large texts"),
            "ImagesFunction": (self.images.function.ref, "What builds images"),
            "RouterFunction": (self.router.function.ref, "The router"),
            "LaunchTemplateId": (self.machine.template.ref, "What machines are made from"),
        }
        for name, (value, description) in outputs.items():
            CfnOutput(self, name, value=value, description=description)
