# Waits for the end of the process that made a sandbox, then ends everything in it.
#
# $1      the sandbox's folder
# stdin   a pipe whose other end only that process holds: end of file is its end, even by SIGKILL
trap '' INT TERM HUP QUIT
read -r _

mv "$1/run" "$1/gone" 2>/dev/null

children_of() {
    if [ -r /proc/self/status ]; then
        grep -l "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status 2>/dev/null | cut -d / -f 3
    else
        ps -A -o pid= -o ppid= | while read -r child parent; do [ "$parent" = "$1" ] && echo "$child"; done
    fi
}

for file in "$1"/gone/*.pid; do
    [ -e "$file" ] || continue
    read -r pid <"$file" || continue
    # Stopped first, so that it makes no more children while they are counted.
    kill -STOP "$pid" 2>/dev/null
    kill -KILL $(children_of "$pid") "$pid" 2>/dev/null
done

# A Postgres that was killed leaves a System V shared memory segment; its lock file names it.
for lock in "$1"/*/postmaster.pid; do
    [ -e "$lock" ] || continue
    ipcrm -m "$(sed -n 7p "$lock" | awk '{ print $2 }')" 2>/dev/null
done

# What is being killed may still write for a moment.
for _ in 1 2 3 4 5; do
    rm -rf "$1" && [ ! -e "$1" ] && exit 0
    sleep 0.2
done
