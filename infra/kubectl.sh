#!/usr/bin/env bash
# Makes sure that kubectl, with kustomize 5 inside, is there: on Debian 12 or 13, as root, Debian 13's package (Debian 12's own is of 2021).
set -euo pipefail

if command -v kubectl >/dev/null && kubectl version --client 2>/dev/null | grep -q 'Kustomize Version: v[5-9]'; then
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Install kubectl 1.27 or later: https://kubernetes.io/docs/tasks/tools" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
debs=$(mktemp -d)
trap 'rm -rf "$debs"' EXIT
mkdir -p "$debs"/{sources,lists/partial,cache/archives/partial}
# Without making Debian 13 a source of this machine; kubectl needs no newer libc.
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${DAC_DEBIAN_MIRROR:-http://deb.debian.org/debian} trixie main" >"$debs/sources/trixie.list"
trixie=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$debs/sources"
  -o "Dir::State::lists=$debs/lists" -o "Dir::Cache=$debs/cache" -o "APT::Sandbox::User=root")
apt-get "${trixie[@]}" update -qq
(cd "$debs" && apt-get "${trixie[@]}" download -qq kubectl/trixie)
apt-get install -y -qq --no-install-recommends "$debs"/kubectl_*.deb >/dev/null
