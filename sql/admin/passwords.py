"""Passwords of stations: made, and kept as argon2."""

import secrets

from argon2 import PasswordHasher

# OWASP's smallest argon2id; station passwords are long and random, people's are hashed elsewhere
station_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def new_password() -> str:
    """For a station or a person: shown once, 120 random bits."""
    return secrets.token_urlsafe(15)


def hash_password(password: str) -> str:
    return station_hasher.hash(password)
