#!/bin/sh
# Chromium and its driver, from Debian's packages.
set -eu
command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0
packages="chromium chromium-driver"
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "make test-browser: expected Debian, and root: it installs $packages" >&2
    exit 1
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $packages >/dev/null
