#!/usr/bin/env bash
# A job that was cancelled is queued again where its script queues itself again at SIGTERM.
# Versions: Slurm 22.05 of Debian 12 (slurmctld, slurmd), munge; needs root.
# One would guess: `scontrol requeue` is refused for a job that its user has cancelled, so a script may call it whenever it
#   is told to stop.
# Seen: scancel sends SIGTERM to the script and to all that it started; the script's `scontrol requeue` is taken, and the
#   cancelled job waits in the queue again.
# A tool should: ask Slurm for another signal before the time is up (--signal=B:USR1@120), queue itself again at that
#   signal alone, and not hand SIGTERM on to its processes, which have it already.
source "$(dirname "$0")/setup.bash"
debian_package slurmctld 22.05
debian_package slurmd 22.05
debian_package munge 0.5
[[ $(id -u) -eq 0 ]] || skip "needs root, as which alone Slurm's daemons start"
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$WORK"' EXIT
if ! munge -n >/dev/null 2>&1; then
  install -d -o munge -g munge /run/munge
  runuser -u munge -- munged --foreground >munged.log 2>&1 &
  pids+=($!)
fi
export SLURM_CONF=$WORK/slurm.conf
host=$(hostname -s)
cat >slurm.conf <<CONF
ClusterName=finding
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=17100
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$WORK/state
SlurmdSpoolDir=$WORK/spool
SlurmctldPidFile=$WORK/slurmctld.pid
SlurmdPidFile=$WORK/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobCompType=jobcomp/none
SchedulerParameters=batch_sched_delay=1,sched_interval=2
NodeName=node1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17101 CPUs=1
PartitionName=all Nodes=node1 Default=YES State=UP
CONF
mkdir state spool
slurmctld -D >slurmctld.log 2>&1 &
pids+=($!)
slurmd -D -N node1 >slurmd.log 2>&1 &
pids+=($!)
cat >job.sbatch <<'JOB'
#!/usr/bin/env bash
#SBATCH --requeue --open-mode=append --output=job.log
echo "starts, restart ${SLURM_RESTART_COUNT:-0}"
sh -c 'trap "echo the program has SIGTERM; exit 130" TERM; while :; do sleep 0.1; done' &
trap 'echo the script has SIGTERM; wait; scontrol requeue "$SLURM_JOB_ID"; exit 0' TERM
wait
JOB
# soon COMMAND …: within 15 s it succeeds.
soon() { for ((i = 0; i < 150; i++)); do "$@" && return; sleep 0.1; done; return 1; }
idle() { [[ $(sinfo -h -o %T 2>/dev/null) == idle ]]; }
soon idle || skip "needs a node that Slurm can start ($(tail -n 1 slurmd.log))"
job=$(sbatch --parsable job.sbatch)
soon grep -qs "restart 0" job.log
scancel "$job"
state() { scontrol show job "$job" | grep -oE 'JobState=\S+|Restarts=\S+' | xargs; }
comes_back() { [[ $(state) =~ ^JobState=(PENDING|RUNNING)\ Restarts=1$ ]]; }
soon comes_back || true
cat job.log
echo "after scancel: $(state)"
grep -q "the program has SIGTERM" job.log && grep -q "the script has SIGTERM" job.log && comes_back
