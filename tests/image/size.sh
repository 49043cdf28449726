#!/bin/sh
# Prints how large an image is: unpacked, and packed as it is sent.
set -eu

bytes=$(podman image inspect --format '{{.Size}}' "$1")
packed=$(podman save "$1" | gzip -c | wc -c)
echo "$((bytes / 1000000)) MB, $((packed / 1000000)) MB packed"
