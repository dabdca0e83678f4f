"""Stations <-> database: terminates OCPP; what is acknowledged is durable and counted once."""
