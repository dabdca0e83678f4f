"""`Stripe-Signature` (https://docs.stripe.com/webhooks#verify-manually)."""

import hmac
from collections.abc import Sequence
from hashlib import sha256


def signature(payload: bytes, secrets: Sequence[str], timestamp: int) -> str:
    """One `v1` per secret."""
    signed = str(timestamp).encode() + b"." + payload
    made = [hmac.new(secret.encode(), signed, sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={timestamp}", *(f"v1={value}" for value in made)])
