#!/bin/sh
# Saves Overdue into a folder, and keeps the newest 14 archives that this script has made there.
# Usage: backup.sh FOLDER. It reads OVERDUE_DATA; with OVERDUE_PING_URL it tells Overdue how the backup went.
set -eu
folder=$1
overdue=${OVERDUE:-/opt/overdue/.venv/bin/overdue}
target=$folder/overdue-$(date -u +%Y-%m-%dT%H%M%SZ).tar.gz

if [ -n "${OVERDUE_PING_URL:-}" ]; then
  "$overdue" run -- "$overdue" backup "$target"
else
  "$overdue" backup "$target"
fi

ls -1 "$folder"/overdue-????-??-??T??????Z.tar.gz | sort -r | tail -n +15 | while read -r old; do rm -- "$old"; done
