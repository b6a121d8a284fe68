#!/bin/sh
# Creates a database cluster in a temporary folder, prints the folder of the server's socket, and ends the server when the
# input ends. All settings have their defaults, except the number of connections.
set -eu

find_program() {
    command -v "$1" || ls /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1
}

folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill -INT "$server"; wait "$server"; }; rm -rf "$folder"' EXIT
initdb=$(find_program initdb)
postgres=$(find_program postgres)
run=
if [ "$(id -u)" = 0 ]; then
    # PostgreSQL refuses to run as root.
    chown nobody "$folder"
    run='setpriv --reuid=nobody --regid=nogroup --clear-groups'
fi
cd "$folder"
$run "$initdb" --username=postgres --auth=trust --encoding=UTF8 --locale=C -D "$folder/data" >"$folder/initdb.log"
$run "$postgres" -D "$folder/data" -c listen_addresses= -c "unix_socket_directories=$folder" \
    -c max_connections=300 >"$folder/log" 2>&1 &
server=$!
until tail -n 1 "$folder/data/postmaster.pid" 2>/dev/null | grep -q ready; do
    kill -0 "$server" || { cat "$folder/log" >&2; exit 1; }
    sleep 0.05
done
"$postgres" --version
echo "$folder"
cat >/dev/null
