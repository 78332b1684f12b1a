#!/bin/sh
# Start redis-server with the password of a secret: it goes into a file in memory, never onto a command line.
set -eu
umask 077

quoted=$(sed -e 's/[\\"]/\\&/g' /run/secrets/redis_password)
if [ -z "$quoted" ]; then
    echo "redis: the secret redis_password is empty" >&2
    exit 1
fi
{
    cat /etc/aeon-jobs/redis.conf
    printf 'requirepass "%s"\n' "$quoted"
} > /run/aeon-jobs/redis.conf

# The image's own entrypoint gives up root for `redis`, who has to read the file.
chown redis /run/aeon-jobs/redis.conf
exec docker-entrypoint.sh redis-server /run/aeon-jobs/redis.conf
