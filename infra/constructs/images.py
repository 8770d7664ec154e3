"""Images: the function that carries the pipeline on, and what starts it: a push, the month, the router's look.

While no image is unfinished nothing here runs. Without a connection nothing that listens to Git exists.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import CfnCondition, CfnResource
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs.machine import Machine
from infra.constructs.stops import Stops
from infra.constructs.store import Store
from infra.function import Code, Function, FunctionProps
from infra.parameters import PushParameters
from infra.rights import allow, arn, role

HANDLER = "tlfif.entrypoints.lambdas.images.handler"
TIMEOUT_SECONDS = 55
"""Below a minute, so that a call that hangs has ended before the router's next look calls again."""
MEMORY_MB = 512
RESERVED_CONCURRENCY = 2
"""One that carries on, and one that answers CodePipeline."""
STALE_SECONDS = 1200
"""CodePipeline gives an action up that was not answered for twenty minutes (CodePipeline quotas, Lambda action)."""
PATHS = ("images/**", "src/**", "requirements/**", "pyproject.toml")
"""As ``tlfif.images.watch_repository.PATHS``, in CodePipeline's patterns; a test compares. A push that touches none of
these makes the same machine."""
MONTHLY = "cron(17 4 1 * ? *)"
SOURCE = "Source"


@dataclass(frozen=True, kw_only=True)
class ImagesProps:
    """``topic_arn``: where letters to the owner go. ``monthly``: rebuild each month."""

    home: str
    code: Code
    reserve: CfnCondition
    machine_settings: Mapping[str, str]
    push: PushParameters
    monthly: CfnCondition
    topic_arn: str
    store: Store
    machine: Machine
    stops: Stops


class Images(Construct):
    """The only part that builds and deletes images."""

    def __init__(self, scope: Construct, construct_id: str, *, props: ImagesProps) -> None:
        super().__init__(scope, construct_id)
        self._home = props.home
        self.topic_arn = props.topic_arn
        self.function = Function(
            self,
            "Pipeline",
            props=FunctionProps(
                name=f"{props.home}-images",
                description="Builds, tests, offers and deletes machine images; answers CodePipeline.",
                handler=HANDLER,
                code=props.code,
                memory_mb=MEMORY_MB,
                timeout_seconds=TIMEOUT_SECONDS,
                reserved=RESERVED_CONCURRENCY,
                reserve=props.reserve,
                environment=_environment(props),
                statements=self._statements(props),
            ),
        ).resource
        lambda_.CfnEventInvokeConfig(
            self,
            "Asynchronous",
            function_name=self.function.ref,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=STALE_SECONDS,
        )
        self._every_month(props.monthly)
        self._on_push(props.push, props.store)

    def wake_rights(self) -> list[iam.PolicyStatement]:
        """The router: call the function while an image is unfinished."""
        return [allow("WakeTheImages", ["lambda:InvokeFunction"], [self.function.attr_arn])]

    def letter_rights(self) -> list[iam.PolicyStatement]:
        """Whoever tells the owner what became of an image."""
        return [allow("WriteToTheOwner", ["sns:Publish"], [self.topic_arn])]

    def _statements(self, props: ImagesProps) -> list[iam.PolicyStatement]:
        machine, pipeline = props.machine, arn(self, "codepipeline", f"{props.home}-images")
        return [
            *props.store.state_rights(),
            *props.store.source_rights(props.home),
            *machine.launch_rights(builders=True),
            *machine.build_rights(),
            *machine.pointer_rights(),
            *machine.stop_rights(),
            *machine.look_rights(
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeLaunchTemplates",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:DescribeSnapshots",
                "ec2:DescribeSubnets",
            ),
            *props.stops.schedule_rights(),
            *self.letter_rights(),
            allow("ReadCommitMessage", ["codepipeline:GetPipelineExecution"], [pipeline]),
            # A job has no name that a policy could hold; its id is known to the action's own function only.
            allow("AnswerCodePipeline", [f"codepipeline:PutJob{end}Result" for end in ("Success", "Failure")], ["*"]),
        ]

    def _every_month(self, wanted: CfnCondition) -> None:
        """By a rule, which calls the function directly; a schedule of EventBridge Scheduler needs a role for it."""
        rule = events.CfnRule(
            self,
            "Month",
            name=f"{self._home}-images-month",
            description="Builds the images in use anew, with the system's updates",
            schedule_expression=MONTHLY,
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id="images", arn=self.function.attr_arn, input=json.dumps({"action": "rebuild"})
                )
            ],
        )
        permission = lambda_.CfnPermission(
            self,
            "MonthPermission",
            action="lambda:InvokeFunction",
            function_name=self.function.ref,
            principal="events.amazonaws.com",
            source_arn=rule.attr_arn,
        )
        rule.cfn_options.condition = permission.cfn_options.condition = wanted

    def _on_push(self, push: PushParameters, store: Store) -> None:
        """CodePipeline fetches the commit and shows the way; the building is the function's, and costs no build
        minutes. No CodeBuild: AWS holds it at 0 for new accounts (docs/decisions/0014-images.md)."""
        rights = role(
            self,
            "PushRole",
            service="codepipeline.amazonaws.com",
            description="What the pipeline may do: fetch the commit, keep it for a week, call the images' function.",
            statements=[
                allow(
                    "FetchCommit",
                    ["codeconnections:UseConnection", "codestar-connections:UseConnection"],
                    [push.connection_arn],
                ),
                *store.artifact_rights(self._home),
                allow("CallImages", ["lambda:InvokeFunction"], [self.function.attr_arn]),
            ],
        )
        pipeline = codepipeline.CfnPipeline(
            self,
            "Push",
            name=f"{self._home}-images",
            pipeline_type="V2",
            execution_mode="SUPERSEDED",
            role_arn=rights.role_arn,
            artifact_store=codepipeline.CfnPipeline.ArtifactStoreProperty(type="S3", location=store.bucket.ref),
            stages=[
                codepipeline.CfnPipeline.StageDeclarationProperty(name=SOURCE, actions=[_fetch(push)]),
                codepipeline.CfnPipeline.StageDeclarationProperty(name="Image", actions=[_follow(self.function.ref)]),
            ],
            triggers=[_trigger(push)],
        )
        _only_if(push.wanted, rights.node.default_child, pipeline)


def _fetch(push: PushParameters) -> codepipeline.CfnPipeline.ActionDeclarationProperty:
    return codepipeline.CfnPipeline.ActionDeclarationProperty(
        name=SOURCE,
        namespace=SOURCE,
        action_type_id=codepipeline.CfnPipeline.ActionTypeIdProperty(
            category="Source", owner="AWS", provider="CodeStarSourceConnection", version="1"
        ),
        configuration={
            "ConnectionArn": push.connection_arn,
            "FullRepositoryId": push.repository,
            "BranchName": push.branch,
            "OutputArtifactFormat": "CODE_ZIP",
            "DetectChanges": "false",  # the trigger below does, with its filter; true would start it on every push
        },
        output_artifacts=[codepipeline.CfnPipeline.OutputArtifactProperty(name=SOURCE)],
    )


def _follow(function_name: str) -> codepipeline.CfnPipeline.ActionDeclarationProperty:
    """Without the commit's message: it may hold anything, and would be put into this text as it is."""
    given = {"commit": "CommitId", "repository": "FullRepositoryName"}
    parameters = {key: f"#{{{SOURCE}.{variable}}}" for key, variable in given.items()}
    parameters["execution"] = "#{codepipeline.PipelineExecutionId}"
    return codepipeline.CfnPipeline.ActionDeclarationProperty(
        name="BuildAndTest",
        action_type_id=codepipeline.CfnPipeline.ActionTypeIdProperty(
            category="Invoke", owner="AWS", provider="Lambda", version="1"
        ),
        configuration={"FunctionName": function_name, "UserParameters": json.dumps(parameters)},
        input_artifacts=[codepipeline.CfnPipeline.InputArtifactProperty(name=SOURCE)],
    )


def _trigger(push: PushParameters) -> codepipeline.CfnPipeline.PipelineTriggerDeclarationProperty:
    return codepipeline.CfnPipeline.PipelineTriggerDeclarationProperty(
        provider_type="CodeStarSourceConnection",
        git_configuration=codepipeline.CfnPipeline.GitConfigurationProperty(
            source_action_name=SOURCE,
            push=[
                codepipeline.CfnPipeline.GitPushFilterProperty(
                    branches=codepipeline.CfnPipeline.GitBranchFilterCriteriaProperty(includes=[push.branch]),
                    file_paths=codepipeline.CfnPipeline.GitFilePathFilterCriteriaProperty(includes=list(PATHS)),
                )
            ],
        ),
    )


def _only_if(condition: CfnCondition, *parts: object) -> None:
    for part in parts:
        if not isinstance(part, CfnResource):
            raise TypeError("only a resource can depend on a condition")
        part.cfn_options.condition = condition


def _environment(props: ImagesProps) -> dict[str, str]:
    store, stops = props.store, props.stops
    return {
        "TLFIF_AWS_HOME_NAME": props.home,
        "TLFIF_AWS_JOBS_TABLE": store.jobs.ref,
        "TLFIF_AWS_STATE_TABLE": store.state.ref,
        "TLFIF_AWS_QUEUE_URL": store.work.ref,
        "TLFIF_AWS_BUCKET": store.bucket.ref,
        "TLFIF_AWS_LAUNCH_TEMPLATE": props.machine.template.ref,
        "TLFIF_AWS_BUILDER_TEMPLATE": props.machine.builder_template.ref,
        **props.machine_settings,
        "TLFIF_AWS_IMAGE_PROFILE": props.push.profile,
        "TLFIF_AWS_LETTERS_TOPIC": props.topic_arn,
        "TLFIF_AWS_SCHEDULE_GROUP": stops.group.ref,
        "TLFIF_AWS_SCHEDULE_ROLE": stops.role.role_arn,
        "TLFIF_AWS_SCHEDULE_DEAD_LETTERS": stops.dead.attr_arn,
    }
