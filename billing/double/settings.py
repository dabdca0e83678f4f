"""What opens the double when nobody chooses otherwise. It opens nothing else."""

KEY = "sk_test_51KilowatchDouble"
SECRET = "whsec_kilowatch_double"  # noqa: S105
