"""The API (requirement list 2): the same app as on a computer, behind an authorizer that requires a token."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import CfnCondition
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs.identity import Identity
from infra.constructs.machine import Machine
from infra.constructs.router import Router
from infra.constructs.store import Store
from infra.function import Code, Function, FunctionProps
from infra.log_group import log_group
from infra.rights import accept, arn

HANDLER = "tlfif.entrypoints.lambdas.api.handler"
TIMEOUT_SECONDS = 30
"""The longest time that an HTTP API waits; a reader's long poll stays below it."""
RESERVED_CONCURRENCY = 10
PER_SECOND, BURST = 20, 40
"""A window and a command line that follow an answer send about five; the rest is headroom, and limits a leaked token.
"""
HEALTH = "GET /healthz"
EVERYTHING = "ANY /{proxy+}"
_LOGGED = {
    "at": "requestTime",
    "request": "requestId",
    "route": "routeKey",
    "method": "httpMethod",
    "path": "path",
    "status": "status",
    "bytes": "responseLength",
    "ms": "responseLatency",
    "user": "authorizer.claims.sub",
    "address": "identity.sourceIp",
    "refused": "authorizer.error",
    "fault": "integrationErrorMessage",
}
"""Who requested what, and how it ended. No body, query or header: the log never contains prompts or answers."""


@dataclass(frozen=True, kw_only=True)
class ApiProps:
    """``reserve``: reserve concurrency for the API."""

    home: str
    code: Code
    reserve: CfnCondition
    machine_settings: Mapping[str, str]
    standby: str
    identity: Identity
    store: Store
    machine: Machine
    router: Router


class Api(Construct):
    """``url`` is the address for window and command line."""

    def __init__(self, scope: Construct, construct_id: str, *, props: ApiProps) -> None:
        super().__init__(scope, construct_id)
        self.function = self._function(props)
        self.api = gateway.CfnApi(self, "Gateway", name=props.home, protocol_type="HTTP")
        integration = gateway.CfnIntegration(
            self,
            "Integration",
            api_id=self.api.ref,
            integration_type="AWS_PROXY",
            integration_uri=self.function.attr_arn,
            payload_format_version="2.0",
            timeout_in_millis=TIMEOUT_SECONDS * 1000,
        )
        self._routes(props.identity, f"integrations/{integration.ref}")
        self._stage(props.home)
        lambda_.CfnPermission(
            self,
            "GatewayPermission",
            action="lambda:InvokeFunction",
            function_name=self.function.ref,
            principal="apigateway.amazonaws.com",
            source_arn=arn(self, "execute-api", f"{self.api.ref}/*"),
        )
        self.url = self.api.attr_api_endpoint

    def _function(self, props: ApiProps) -> lambda_.CfnFunction:
        store = props.store
        return Function(
            self,
            "App",
            props=FunctionProps(
                name=f"{props.home}-api",
                description="Takes prompts, stores them first, lets readers follow the answers.",
                handler=HANDLER,
                code=props.code,
                memory_mb=512,
                timeout_seconds=TIMEOUT_SECONDS,
                reserved=RESERVED_CONCURRENCY,
                reserve=props.reserve,
                environment={
                    "TLFIF_AWS_HOME_NAME": props.home,
                    "TLFIF_AWS_JOBS_TABLE": store.jobs.ref,
                    "TLFIF_AWS_STATE_TABLE": store.state.ref,
                    "TLFIF_AWS_QUEUE_URL": store.work.ref,
                    "TLFIF_AWS_BUCKET": store.bucket.ref,
                    "TLFIF_AWS_ROUTER_FUNCTION": props.router.function.ref,
                    "TLFIF_AWS_ISSUER": props.identity.issuer,
                    "TLFIF_AWS_CLIENT_ID": props.identity.audience,
                    "TLFIF_AWS_SCOPE": props.identity.scope,
                    **props.machine_settings,
                    "TLFIF_AWS_STANDBY": props.standby,
                },
                statements=[
                    *store.control_rights(),
                    *props.router.nudge_rights(),
                    *props.machine.stop_rights(),
                    *props.machine.pointer_rights(),
                    *props.machine.look_rights(
                        "ec2:DescribeImages",
                        "ec2:DescribeInstances",
                        "ec2:DescribeLaunchTemplates",
                        "ec2:DescribeLaunchTemplateVersions",
                    ),
                ],
            ),
        ).resource

    def _routes(self, identity: Identity, target: str) -> None:
        authorizer = gateway.CfnAuthorizer(
            self,
            "Gate",
            api_id=self.api.ref,
            authorizer_type="JWT",
            name="cognito",
            identity_source=["$request.header.Authorization"],
            jwt_configuration=gateway.CfnAuthorizer.JWTConfigurationProperty(
                issuer=identity.issuer, audience=[identity.audience]
            ),
        )
        gateway.CfnRoute(
            self,
            "Everything",
            api_id=self.api.ref,
            route_key=EVERYTHING,
            target=target,
            authorization_type="JWT",
            authorizer_id=authorizer.ref,
            authorization_scopes=[identity.scope],
        )
        self._health = gateway.CfnRoute(
            self, "Health", api_id=self.api.ref, route_key=HEALTH, target=target, authorization_type="NONE"
        )
        accept(self._health, "Says only that it is there; asked before anybody is signed in.", "APIG4")

    def _stage(self, home: str) -> None:
        # API Gateway writes logs under this prefix without a resource policy that grows.
        logs = log_group(self, "AccessLogs", name=f"/aws/vendedlogs/{home}/api")
        stage = gateway.CfnStage(
            self,
            "Stage",
            api_id=self.api.ref,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=gateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=PER_SECOND, throttling_burst_limit=BURST
            ),
            route_settings={HEALTH: {"ThrottlingRateLimit": 2, "ThrottlingBurstLimit": 5}},
            access_log_settings=gateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=arn(self, "logs", f"log-group:{logs.ref}"),
                format=json.dumps({name: f"$context.{variable}" for name, variable in _LOGGED.items()}),
            ),
        )
        stage.add_resource_dependency(self._health)  # its settings name the route
