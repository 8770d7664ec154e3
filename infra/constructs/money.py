"""Money (requirement list 6): AWS's own budget as the third line of defence, and the right to read the bill."""

from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.rights import allow, arn

ACTUAL_PERCENT = (50, 80, 100)
FORECAST_PERCENT = (80, 100)
"""Five together, the most that a budget may have. A forecast of 50 % would come in most months and mean nothing."""


def bill_rights(scope: Construct) -> list[iam.PolicyStatement]:
    """The router: one call a day, for 0.01 USD. IAM has two names for Cost Explorer's calls."""
    stack = Stack.of(scope)
    return [
        allow(
            "ReadTheBill",
            ["ce:GetCostAndUsage"],
            [
                f"arn:{stack.partition}:ce:us-east-1:{stack.account}:/GetCostAndUsage",
                arn(scope, "billing", "billingview/primary", region=False),
            ],
        )
    ]


@dataclass(frozen=True, kw_only=True)
class MoneyProps:
    """``monthly_usd``: for the whole account's month, without VAT. ``topic_arn``: Budgets may publish to it."""

    home: str
    monthly_usd: float
    topic_arn: str
    email: str


class Money(Construct):
    """The budget. It warns hours late and stops nothing: TL-FIF's own budget does that."""

    def __init__(self, scope: Construct, construct_id: str, *, props: MoneyProps) -> None:
        super().__init__(scope, construct_id)
        subscriber = budgets.CfnBudget.SubscriberProperty
        told = [
            subscriber(subscription_type="SNS", address=props.topic_arn),
            # Budgets' own mails need no confirmation: they arrive even if the topic's subscription was never confirmed.
            subscriber(subscription_type="EMAIL", address=props.email),
        ]
        marks = [("ACTUAL", percent) for percent in ACTUAL_PERCENT]
        marks += [("FORECASTED", percent) for percent in FORECAST_PERCENT]
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"{props.home}-month",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=props.monthly_usd, unit="USD"),
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=told,
                )
                for kind, percent in marks
            ],
        )
