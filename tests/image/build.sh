#!/bin/sh
# Builds the image for real, without a daemon: buildah with chroot isolation. `make image`.
#
#   build.sh NAME [BASE]     BASE is any image with Python; without one it is made of Debian's
#                            packages (base.sh), which takes some minutes once.
set -eu
cd "$(dirname "$0")/../.."

name=$1
base=${2:-}
for tool in buildah podman ${base:-debootstrap}; do
  case $tool in */* | *:*) continue ;; esac
  command -v "$tool" > /dev/null || {
    echo "this needs $tool: apt-get install --no-install-recommends" \
      "buildah podman runc crun conmon catatonit netavark debootstrap"
    exit 1
  }
done

pull=missing
test -n "$base" || { base=$(tests/image/base.sh) && pull=never; }
# Whoever vouches for the package index on this machine vouches for it in the build, too.
authorities=/etc/ssl/certs/ca-certificates.crt
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

buildah bud --isolation chroot --format docker --layers "--pull=$pull" \
  --volume "$authorities:$authorities:ro" --build-arg "BASE=$base" \
  --build-arg "VERSION=$version" --build-arg "REVISION=$(git rev-parse HEAD)" -t "$name" .
tests/image/guest.sh podman run --rm --network none --read-only "$name" --version
echo "$base: $(tests/image/size.sh "$base"), $name: $(tests/image/size.sh "$name")"
