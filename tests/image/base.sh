#!/bin/sh
# Makes a base image from Debian's packages, for machines that reach no registry of images.
#
# It stands in for python:3.14-slim: Debian's own Python, as slim as can be. What it says of sizes
# and of holes in packages, it says of itself. Prints the name of the image; needs root.
set -eu

suite=${1:-forky}
name=localhost/sidecache-base:$suite
if podman image exists "$name"; then
  echo "$name"
  exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mirror=$(sed -n 's/^URIs: //p' /etc/apt/sources.list.d/*.sources | head -n 1)
script=/usr/share/debootstrap/scripts/$suite
test -e "$script" || script=/usr/share/debootstrap/scripts/sid

debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv \
  "$suite" "$work/root" "$mirror" "$script" > "$work/log" 2>&1 || { tail "$work/log" >&2; exit 1; }
cd "$work/root"
# A mirror may be a snapshot, whose lists are older than they say they may become.
echo 'Acquire::Check-Valid-Until "false";' > etc/apt/apt.conf.d/99snapshot
rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/* usr/share/doc/* usr/share/man/* \
  usr/share/locale/* usr/share/info/* tmp/*
tar -c . | podman import -q - "$name" > "$work/id"
echo "$name"
