"""Sign-in (requirement list 1.2, 2.2): a user pool that only its owner fills, one public client, one scope."""

from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.kept import KEPT
from infra.rights import accept
from tlfif.client.profile import REDIRECT_PORTS, redirect_uri
from tlfif.control.authority import OWNERS

SCOPE = "use"
ACCESS_MINUTES = 15
REFRESH_DAYS = 30

_INVITATION = (
    "Hello,<br><br>you may now use TL-FIF, the private language model.<br>Your user name: {username}<br>"
    "Your first password: {####}<br><br>Type <b>./tlfif login</b> or press Sign in. You will be asked for a password "
    "of your own. The first password is good for 7 days."
)


@dataclass(frozen=True, kw_only=True)
class IdentityProps:
    """``home``: the home's name."""

    home: str


class Identity(Construct):
    """Who may use the API. ``issuer`` and ``audience`` are the claims of a token, ``scope`` is what it must allow."""

    def __init__(self, scope: Construct, construct_id: str, *, props: IdentityProps) -> None:
        super().__init__(scope, construct_id)
        self.pool = self._user_pool(props.home)
        server = cognito.CfnUserPoolResourceServer(
            self,
            "Server",
            identifier=props.home,
            name=props.home,
            user_pool_id=self.pool.ref,
            scopes=[
                cognito.CfnUserPoolResourceServer.ResourceServerScopeTypeProperty(
                    scope_name=SCOPE, scope_description="Send prompts and read answers"
                )
            ],
        )
        cognito.CfnUserPoolGroup(
            self,
            "Owners",
            group_name=OWNERS,
            description="May end the machine and set time-out and budget",
            user_pool_id=self.pool.ref,
        )
        self.scope = f"{props.home}/{SCOPE}"
        self.asked_scopes = ["openid", "email", self.scope]
        self.client = self._client(props.home)
        self.client.add_resource_dependency(server)
        domain = cognito.CfnUserPoolDomain(
            self,
            "Domain",
            domain=f"{props.home}-{Stack.of(self).account}",
            user_pool_id=self.pool.ref,
            managed_login_version=1,  # the plain pages; version 2 shows nothing until it has a design
        )
        region = Stack.of(self).region
        self.sign_in_url = f"https://{domain.ref}.auth.{region}.amazoncognito.com"
        self.issuer = f"https://cognito-idp.{region}.amazonaws.com/{self.pool.ref}"
        self.audience = self.client.ref
        accept(self.pool, "MFA is offered and not forced: the owner decides on the first day.", "COG2")
        accept(self.pool, "Threat protection needs the PLUS tier, which has no free amount.", "COG3", "COG8")

    def _user_pool(self, home: str) -> cognito.CfnUserPool:
        pool = cognito.CfnUserPool(
            self,
            "Pool",
            user_pool_name=home,
            user_pool_tier="ESSENTIALS",
            admin_create_user_config=cognito.CfnUserPool.AdminCreateUserConfigProperty(
                allow_admin_create_user_only=True,  # by default anybody could register and start a machine
                invite_message_template=cognito.CfnUserPool.InviteMessageTemplateProperty(
                    email_subject="Your TL-FIF account", email_message=_INVITATION
                ),
            ),
            account_recovery_setting=cognito.CfnUserPool.AccountRecoverySettingProperty(
                recovery_mechanisms=[
                    cognito.CfnUserPool.RecoveryOptionProperty(name="verified_email", priority=1),
                ]
            ),
            username_attributes=["email"],
            auto_verified_attributes=["email"],
            username_configuration=cognito.CfnUserPool.UsernameConfigurationProperty(case_sensitive=False),
            mfa_configuration="OPTIONAL",
            enabled_mfas=["SOFTWARE_TOKEN_MFA"],
            policies=cognito.CfnUserPool.PoliciesProperty(
                password_policy=cognito.CfnUserPool.PasswordPolicyProperty(
                    minimum_length=12,
                    require_lowercase=True,
                    require_uppercase=True,
                    require_numbers=True,
                    require_symbols=True,
                    temporary_password_validity_days=7,
                )
            ),
        )
        pool.apply_removal_policy(KEPT)
        return pool

    def _client(self, home: str) -> cognito.CfnUserPoolClient:
        """Public: no secret, because a program on a person's computer cannot keep one; PKCE replaces it.

        Cognito redirects a browser only to addresses that it knows exactly; with three ports, two may be in use.
        """
        callbacks = [redirect_uri(port) for port in REDIRECT_PORTS]
        return cognito.CfnUserPoolClient(
            self,
            "Client",
            client_name=f"{home}-desk",
            user_pool_id=self.pool.ref,
            generate_secret=False,
            allowed_o_auth_flows_user_pool_client=True,
            allowed_o_auth_flows=["code"],
            allowed_o_auth_scopes=self.asked_scopes,
            callback_ur_ls=[*callbacks, *(one.replace("127.0.0.1", "localhost") for one in callbacks)],
            supported_identity_providers=["COGNITO"],
            explicit_auth_flows=["ALLOW_REFRESH_TOKEN_AUTH"],  # no password ever passes through TL-FIF's own programs
            enable_token_revocation=True,
            prevent_user_existence_errors="ENABLED",
            access_token_validity=ACCESS_MINUTES,
            id_token_validity=ACCESS_MINUTES,
            refresh_token_validity=REFRESH_DAYS,
            token_validity_units=cognito.CfnUserPoolClient.TokenValidityUnitsProperty(
                access_token="minutes",  # noqa: S106  a unit of time
                id_token="minutes",  # noqa: S106  a unit of time
                refresh_token="days",  # noqa: S106  a unit of time
            ),
        )
