# Starts Redis with its configuration and the password from a file: never an argument, which `ps` would show.
# `exec`, so that Redis itself is process 1 and takes the signal to stop.
set -eu
password=$(sed 's/[\\"]/\\&/g' "${PASSWORD_FILE:-/run/secrets/redis-password}")
exec redis-server - <<CONFIGURATION
$(cat "${CONFIGURATION_FILE:-/etc/redis/redis.conf}")
requirepass "$password"
CONFIGURATION
