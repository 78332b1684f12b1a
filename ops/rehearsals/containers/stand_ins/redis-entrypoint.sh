#!/bin/sh
# As the official entrypoint: the server is `redis`, not root.
set -e
chown -R redis .
exec setpriv --reuid redis --regid redis --clear-groups "$@"
