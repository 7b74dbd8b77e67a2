#!/bin/sh
# SLURM with accounts, from Debian's packages. tests/sweeps/slurm_node.py starts it, with settings of its own.
set -eu
packages="munge slurm-client slurmctld slurmd slurmdbd mariadb-server"
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "make test-slurm: expected Debian, and root: it installs $packages" >&2
    exit 1
fi
# shellcheck disable=SC2086
if ! dpkg -s $packages >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $packages >/dev/null
fi
