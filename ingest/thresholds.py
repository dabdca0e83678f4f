"""Every threshold of the watchdogs, in one place; docs/watchdogs.md says what follows from each.

Seconds unless the name says otherwise.
"""

MINUTE, HOUR, DAY = 60, 3600, 86_400

# Contact
OFFLINE_GRACE = 20  # contact that comes back sooner was a blink of the network
DARK_GRACE = 8
RESTART_GRACE = 10  # a deliberate restart of ours is over by then
RETURN_GRACE = 300  # stations back off for minutes before they try again
SILENCE_SLACK = 45  # beyond two heartbeats; last_seen_at is written every 30 s at most
PROBE_TRIES = 3  # of a probe that could not be sent
ROUTER_TOGETHER = 2 * MINUTE  # stations behind one router notice its end that close together

# Ghost sessions
GHOST_SILENCE = 30 * MINUTE
GHOST_INTERVALS = 3  # of the session's own meter interval, if that is longer
GHOST_UNMETERED = DAY  # where no reading has ever told an interval
GHOST_DOUBT = 5 * MINUTE  # after the evse said it is free, or the station booted
GHOST_OFFLINE = 7 * DAY  # the station has been out of contact
EVIDENCE_GRACE = 30  # what a station was asked to send may take as long
STOP_GRACE = 2 * MINUTE  # after it has accepted to stop
GHOST_SHOWN = DAY  # how long staff are told, unless the evse proves itself sooner
MOST_PROBES = 200  # begun in one round

# Sessions and evses
NO_ENERGY = 15 * MINUTE
STUCK_PREPARING = 15 * MINUTE
SUCCESS_WH = 100  # less is no charging session to anyone

# What is normal for an evse
NORMAL_DAYS = 90
NORMAL_SESSIONS = 10  # gaps or sessions; fewer are no sample
SILENT_GAPS = 3
SILENT_LEAST = HOUR
SILENT_SETTLE = 15 * MINUTE  # in contact: by then time out of contact has been booked
SILENT_AWAY = HOUR  # down for so long: the count begins anew
DERATED_BELOW_PCT = 50  # of its own normal power: a slow session
DERATED_CHANCE = 1e-5  # that so many slow ones in a row are only the cars'
DERATED_LEAST = 5
DERATED_STALE_DAYS = 60
POWER_SECONDS, POWER_WH = 5 * MINUTE, 1000  # shorter sessions say nothing about power

# Clocks
CLOCK_OFF, CLOCK_KEEP = 60, 30
CLOCK_WINDOW = HOUR
CLOCK_SAMPLES, CLOCK_LEAST = 10, 3
REPLAY_SECONDS = 5 * MINUTE  # after contact came back, readings may be old ones

# Refused connections
REFUSED_TIMES, REFUSED_WINDOW, REFUSED_OVER = 3, 10 * MINUTE, 30 * MINUTE

# One build that fails in several places
BUILD_STATIONS, BUILD_SITES, BUILD_WINDOW = 3, 2, HOUR
BUILD_CHANGED_STATIONS, BUILD_CHANGED_WINDOW = 2, 7 * DAY  # after their firmware has changed
BUILD_CHANCE = 1e-3  # that so many fail, as often as stations fail in this network
BUILD_USUAL_DAYS = 30

# Our own affairs
PAYMENT_STUCK = 15 * MINUTE  # a hold is neither taken nor released
JOB_FAILURES, JOB_LATE = 3, 15 * MINUTE  # in a row; beyond its next turn
CERTIFICATE_AHEAD_DAYS = 21
UNDELIVERED, UNDELIVERED_LATE = DAY, HOUR  # how long staff are told of one given up; from when on

# Alerts that come and go
FLAP_WINDOW = 15 * MINUTE  # sooner again: the same alert goes on
FLAPS = 3  # from then on it is over only after FLAP_WINDOW of calm

# How long rows are kept
KEEP_ATTEMPTS_DAYS, KEEP_PROBES_DAYS, KEEP_COMMANDS_DAYS = 30, 90, 30
