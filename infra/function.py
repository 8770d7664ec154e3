"""A Lambda function as both of the home's functions are: outside any VPC, with its own log group and role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import CfnCondition, CfnParameter, Fn, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.log_group import log_group
from infra.rights import accept, allow, role

RUNTIME = "python3.13"


@dataclass(frozen=True, kw_only=True)
class Code:
    """Where the package of both functions is."""

    bucket: CfnParameter
    key: CfnParameter


@dataclass(frozen=True, kw_only=True)
class FunctionProps:
    """``reserved``: reserved concurrency, if the condition ``reserve`` holds. ``memory_mb`` also sets the share of a
    processor (1,769 MB are one)."""

    name: str
    description: str
    handler: str
    code: Code
    memory_mb: int
    timeout_seconds: int
    reserved: int
    reserve: CfnCondition
    environment: Mapping[str, str]
    statements: Sequence[iam.PolicyStatement]


class Function(Construct):
    """The function, its role and its log group."""

    def __init__(self, scope: Construct, construct_id: str, *, props: FunctionProps) -> None:
        super().__init__(scope, construct_id)
        logs = log_group(self, "Logs", name=f"/aws/lambda/{props.name}")
        write_log = allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [logs.attr_arn])
        self.role = role(
            self,
            "Role",
            service="lambda.amazonaws.com",
            description=props.description,
            statements=[write_log, *props.statements],
        )
        reserved = Fn.condition_if(props.reserve.logical_id, props.reserved, {"Ref": "AWS::NoValue"})
        self.resource = lambda_.CfnFunction(
            self,
            "Function",
            function_name=props.name,
            description=props.description,
            runtime=RUNTIME,
            architectures=["x86_64"],
            handler=props.handler,
            code=lambda_.CfnFunction.CodeProperty(
                s3_bucket=props.code.bucket.value_as_string, s3_key=props.code.key.value_as_string
            ),
            role=self.role.role_arn,
            memory_size=props.memory_mb,
            timeout=props.timeout_seconds,
            reserved_concurrent_executions=Token.as_number(reserved),
            environment=lambda_.CfnFunction.EnvironmentProperty(variables=dict(props.environment)),
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(
                log_group=logs.ref,
                log_format="JSON",
                application_log_level="INFO",
                system_log_level="WARN",  # otherwise three lines for each of 43,200 ticks a month
            ),
        )
        accept(self.resource, "The newest runtime for which the package's compiled parts are proven.", "L1")
