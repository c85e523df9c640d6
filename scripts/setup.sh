#!/usr/bin/env bash
# Makes a checkout ready to run: Debian packages, npm packages, the build. Quick when there is nothing to do.
# As root with apt it installs what is missing, without starting or enabling any daemon; else it says what to install.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# program:package, or file:package, one for each thing the product, the lab and the tests run.
needed='bird:bird2 birdc:bird2 nft:nftables ip:iproute2 tc:iproute2 vtysh:frr /usr/lib/frr/bgpd:frr ping:iputils-ping iperf3:iperf3
  conntrack:conntrack conntrackd:conntrackd gobgpd:gobgpd gobgp:gobgpd exabgp:exabgp bgpctl:openbgpd kill:procps sysctl:procps
  tcpdump:tcpdump ethtool:ethtool unshare:util-linux nsenter:util-linux
  charon-systemd:charon-systemd swanctl:strongswan-swanctl pki:strongswan-pki wg:wireguard-tools wireguard-go:wireguard-go
  /usr/lib/ipsec/plugins/libstrongswan-openssl.so:libstrongswan-standard-plugins
  /usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so:libcharon-extra-plugins
  /usr/lib/ipsec/plugins/libstrongswan-chapoly.so:libstrongswan-extra-plugins'
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing_packages() {
  local entry
  for entry in $needed; do
    [ -f "${entry%%:*}" ] || type -P "${entry%%:*}" >/dev/null || printf '%s\n' "${entry##*:}"
  done | sort -u
}

check_node() {
  command -v node >/dev/null || fail 'Node.js 20.19 or newer is missing: see https://nodejs.org/en/download'
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "Node.js $(node --version) is too old: 20.19 or newer is needed"
}

# Debian's hook for "do not start services while packages are installed"; somebody else's is left in place.
hook=/usr/sbin/policy-rc.d
install_packages() {
  if ! [ -e "$hook" ]; then
    trap 'rm -f "$hook"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$hook"
    chmod 755 "$hook"
  fi
  export DEBIAN_FRONTEND=noninteractive
  local install=(apt-get install -qq -y --no-install-recommends "$@")
  "${install[@]}" >/dev/null 2>&1 || { apt-get update -qq && "${install[@]}" >/dev/null; } ||
    fail "apt-get could not install: $*"
  # Neither now nor at the next boot: the lab runs its own.
  local unit
  command -v systemctl >/dev/null || return 0
  for unit in bird2:bird frr:frr nftables:nftables conntrackd:conntrackd gobgpd:gobgpd exabgp:exabgp openbgpd:openbgpd openbgpd:bgplgd \
    charon-systemd:strongswan; do
    case " $* " in *" ${unit%%:*} "*) systemctl disable "${unit##*:}" >/dev/null 2>&1 || true ;; esac
  done
}

check_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ "${#missing[@]}" -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    fail "missing: ${missing[*]}. As root: apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "installing ${missing[*]}"
  install_packages "${missing[@]}"
  mapfile -t missing < <(missing_packages)
  [ "${#missing[@]}" -eq 0 ] || fail "still missing after the installation: ${missing[*]}"
}

check_modules() {
  [ node_modules/.package-lock.json -nt package-lock.json ] && return
  say 'npm ci'
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
}

main() {
  check_node
  check_packages
  check_modules
  # Builds dist/ when it is missing or older than a source.
  ./bin/causeway version >/dev/null
}

[ -w . ] || fail "$PWD is not yours to write: run this as its owner (the lab and its tests need root: sudo)"
# Two runs at once would install over each other.
mkdir -p .cache
exec 9>.cache/setup.lock
flock 9
main
