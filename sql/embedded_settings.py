"""The settings the embedded server runs with."""

from collections.abc import Mapping
from pathlib import Path

import psutil

MB = 1024 * 1024
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def own_settings() -> dict[str, str]:
    """Our settings for a server that is fed all day and read in short transactions.

    Written to postgres.conf at each start; ALTER SYSTEM wins over them.
    """
    memory_mb = memory_bytes() // MB
    return {
        "shared_buffers": f"{max(32, min(memory_mb // 4, 1024))}MB",
        "effective_cache_size": f"{max(64, memory_mb // 2)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{max(32, min(memory_mb // 16, 256))}MB",
        "max_connections": "200",
        "synchronous_commit": "on",
        "wal_compression": "on",
        "max_wal_size": "2GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",  # compiling costs more than our short queries
        # live rows are rewritten every minute, facts only ever appended
        "autovacuum_naptime": "20s",
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_analyze_scale_factor": "0.05",
        "autovacuum_vacuum_insert_scale_factor": "0.1",
        "autovacuum_vacuum_cost_limit": "1000",
        "idle_in_transaction_session_timeout": "60s",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # a week of logs, one file a day, overwritten
        "logging_collector": "on",
        "log_filename": "postgresql-%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_checkpoints": "off",
    }


def write_settings(path: Path, settings: Mapping[str, str]) -> None:
    """Write them as a PostgreSQL configuration file."""
    lines = (f"{name} = '{value}'\n" for name, value in settings.items())
    path.write_text("# written at every start; ALTER SYSTEM wins over it\n" + "".join(lines))
    path.chmod(0o644)  # the server's user is not always ours


def memory_bytes() -> int:
    """The memory this process may use: the machine's, or the container's where that is less."""
    sizes = [psutil.virtual_memory().total]
    for path in map(Path, CGROUP_LIMITS):
        text = path.read_text().strip() if path.exists() else ""
        if text.isdigit():
            sizes.append(int(text))
    return min(sizes)
