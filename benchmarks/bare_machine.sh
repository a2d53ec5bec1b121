#!/usr/bin/env bash
# Does the quickstart work on a machine that has Python 3.11 and nothing else? Makes a minimal Debian 12 in a temporary
# folder, puts the last commit of this clone there, and runs the quickstart inside, then one more start without activating.
#   bash benchmarks/bare_machine.sh [quickstart arguments, for instance --train.epochs 3]
# Needs root, debootstrap and 6 GB of free disk. pip's settings (PIP_*, /etc/pip.conf) and certificates are passed on.
# MIRROR names another Debian mirror, ROOTFS a folder to keep and use again.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

if ((EUID != 0)) || ! command -v debootstrap >/dev/null; then
    printf 'bare_machine: needs root and debootstrap (Debian: apt-get install debootstrap)\n' >&2
    exit 2
fi

if [[ -n ${ROOTFS:-} ]]; then
    root=$ROOTFS
else
    root=$(mktemp -d)
    trap 'rm -rf --one-file-system -- "$root"' EXIT
fi
if [[ ! -x $root/usr/bin/apt-get ]]; then
    printf '+ debootstrap bookworm %s\n' "$root"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$root" \
        "${MIRROR:-http://deb.debian.org/debian}" >"$root.log" || { tail "$root.log" && exit 1; }
    rm -f -- "$root.log"
fi

# -- what the machine outside knows about the network -----------------------------------------------------------------
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
[[ ! -f /etc/pip.conf ]] || cp -L /etc/pip.conf "$root/etc/pip.conf"
settings=()
while IFS= read -r -d '' setting; do
    case $setting in
        PIP_FIND_LINKS=*) ;; # a folder of this machine
        PIP_* | SSL_CERT_* | http_proxy=* | https_proxy=* | no_proxy=* | HTTP_PROXY=* | HTTPS_PROXY=* | NO_PROXY=*)
            settings+=("$setting")
            ;;
    esac
done < <(env -0)

inside() {
    # shellcheck disable=SC2016 # expanded inside
    unshare --mount --pid --fork chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "${settings[@]}" \
        bash -c 'mount -t proc proc /proc && cd /home/kit && exec "$@"' bash "$@"
}

# -- the clone and the two starts -------------------------------------------------------------------------------------
mkdir -p "$root/home/kit"
git archive HEAD | tar -x -C "$root/home/kit"
if ! inside sh -c 'command -v python3.11' >/dev/null; then
    printf '+ apt-get install python3.11 python3.11-venv\n'
    inside apt-get install -y -qq --no-install-recommends python3.11 python3.11-venv >/dev/null
fi
if inside /sbin/ldconfig -p | grep -q libgomp; then
    printf 'bare_machine: %s has libgomp, it is not bare\n' "$root" >&2
    exit 1
fi
printf '+ bash launch/quickstart.sh %s\n' "$*"
inside bash launch/quickstart.sh "$@"
printf '+ .venv/bin/python train.py --config config/lenet5_digits.yaml --train.epochs 1\n'
inside .venv/bin/python train.py --config config/lenet5_digits.yaml --train.epochs 1
printf 'bare_machine: both starts trained\n'
