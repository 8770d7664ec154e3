"""How a sign-in or a sign-out ended."""

SIGN_IN_CANCELLED = "You cancelled the sign-in. Nothing was changed."
SIGNED_OUT = {
    "nothing": "You were not signed in.",
    "revoked": "You are signed out, here and at the provider.",
    "no_door": "You are signed out on this computer. The provider offers no way to end a sign-in early; it ends there "
    "by itself.",
    "not_reached": "You are signed out on this computer. The provider could not be reached to end the sign-in there "
    "too: whoever has a copy of it can use it until it ends by itself, 30 days after you signed in unless you changed "
    "that.",
}
"""By :class:`tlfif.client.sign_in.signed_in_tokens.Leaving`."""
