# Runs a program under the name that the reaper will look for.
#
# $1      the file that gets the pid
# $2...   the program and its arguments
#
# Whoever started us may be killed at any moment. The reaper first renames the folder of the pid files and then reads
# them; we first write ours and then look whether it is still in its place. So either the reaper sees our pid, or we
# see that it has been here and do not start.
pid_file=$1
shift
echo $$ >"$pid_file" && [ -e "$pid_file" ] && exec "$@"
