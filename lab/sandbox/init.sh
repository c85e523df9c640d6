#!/usr/bin/env bash
# First process of a lab's sandbox: gives it private folders, says that they are ready, and reaps orphans.
#
#   unshare (the keeper) ─▶ this script (pid 1) ─▶ everything the lab starts
#
# Invariant: when this process ends, for whatever reason, the kernel kills every process of the lab and frees its
# namespaces, sockets and files. Nothing of the host's file system can be written from inside.
#
#   init.sh PROJECT owned|detached NAME FILE
#     PROJECT   the checkout, kept visible even where a private folder would hide it
#     owned     the lab ends when standard input does, that is, when its owner dies
set -eu
project=$1 mode=$2 name=$3

mount --make-rprivate /
mount -t tmpfs -o mode=0755 lab /run
mkdir -p /run/lab/log /run/lab/tmp /run/lab/project
mount --bind "$project" /run/lab/project
for folder in /var/lib /var/log /var/tmp; do mount -t tmpfs -o mode=0755 lab "$folder"; done
for folder in /etc/causeway /etc/frr; do
  if [ -d "$folder" ]; then mount -t tmpfs -o mode=0755 lab "$folder"; fi
done
if ! [ -e "$project/package.json" ]; then
  mkdir -p "$project"
  mount --bind /run/lab/project "$project"
fi
# Programs of the lab read the host's root and cannot change it.
mount -o remount,bind,ro /
mkdir -p /run/netns /run/frr /run/lock /var/lib/frr
hostname "lab-$name"
ip link set lo up
touch /run/lab/ready

case "$mode" in
  owned) while read -r _; do :; done ;;
  detached) while :; do sleep infinity & wait; done ;;
esac
