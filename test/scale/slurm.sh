#!/usr/bin/env bash
# An experiment as a job array of Slurm's, on this machine as two nodes. While they train, one task is queued again, one
# meets its time limit, and one is cancelled, which --collect then names and which is given again. The tables are those of
# the same experiment without Slurm, number for number.
# Needs Debian's slurmctld, slurmd and munge, and root. Touches nothing outside its own folder but munge's socket.
source "$(dirname "$0")/setup.bash"
need slurmctld slurmd sbatch munged
[ "$(id -u)" -eq 0 ] || skip "only root can start Slurm's daemons"
export SLURM_CONF="$WORK/slurm.conf"

host=$(hostname -s)
cat >"$SLURM_CONF" <<CONF
ClusterName=cmedl
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=17000
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$WORK/state
SlurmdSpoolDir=$WORK/spool-%n
SlurmctldPidFile=$WORK/slurmctld.pid
SlurmdPidFile=$WORK/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobCompType=jobcomp/none
KillWait=30
MessageTimeout=60
SchedulerParameters=batch_sched_delay=1,sched_interval=5
NodeName=node1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17001 CPUs=1 RealMemory=4000
NodeName=node2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17002 CPUs=1 RealMemory=4000
PartitionName=all Nodes=node[1-2] Default=YES MaxTime=INFINITE State=UP
CONF
mkdir -p "$WORK/state" "$WORK/spool-node1" "$WORK/spool-node2" "$WORK/slurm" "$WORK/plain"

if ! munge -n >/dev/null 2>&1; then
  install -d -o munge -g munge /run/munge
  start munged runuser -u munge -- munged --foreground
fi
start slurmctld slurmctld -D
for node in node1 node2; do start "$node" slurmd -D -N "$node"; done
nodes_are_idle() { [ "$(sinfo -h -o '%D %T' 2>/dev/null)" = "2 idle" ]; }
wait_for 120 "two idle nodes" nodes_are_idle

phantoms "$WORK/data" 8
request=(experiment pays --data "$WORK/data" --rows ct --student-cases 2 --seeds 3 --steps 100)
cd "$WORK/plain"
$CMEDL "${request[@]}" --quiet >/dev/null
cd "$WORK/slurm"
$CMEDL "${request[@]}" --emit slurm
# Slurm may send the signal up to a minute before it is asked to: the limit is far away until a task is to meet it.
job=$(sbatch --parsable --time=60 --signal=B:USR1@30 cmedl.sbatch)
trains() { [ -n "$(ls "runs/pays/runs/ct-k2-seed$1/checkpoints" 2>/dev/null)" ]; }
log_of() { cat "runs/pays/logs/cmedl-pays-${job}_$1.log"; }
stopped() { log_of "$1" | grep -q "finishing this step"; }
wait_for 300 "task 0 to train" trains 0
scontrol requeue "${job}_0"
echo "queued again while it trained: task 0"
wait_for 300 "task 1 to train" trains 1
scontrol update JobId="${job}_1" TimeLimit=1
wait_for 300 "task 1 to meet its limit" stopped 1
scontrol update JobId="${job}_1" TimeLimit=60
echo "met its time limit while it trained: task 1"
wait_for 600 "task 2 to train" trains 2
scancel "${job}_2"
echo "cancelled while it trained: task 2"
queue_is_empty() { [ -z "$(squeue -h -j "$1" 2>/dev/null)" ]; }
wait_for 900 "the array's end" queue_is_empty "$job"

for task in 0 1; do
  goes_on() { log_of "$task" | grep -q "going on with"; }
  check "task $task went on where it had saved" goes_on
done
missing=$($CMEDL "${request[@]}" --collect --quiet)
check "the cancelled task's run is named as missing" grep -q "missing: ct-k2-seed2" <<<"$missing"
check "and no other is" test "$(grep -o 'missing: .*' <<<"$missing")" = "missing: ct-k2-seed2"
again=$(sbatch --parsable --time=60 --array=2 cmedl.sbatch)
wait_for 600 "the cancelled task, given again" queue_is_empty "$again"
whole=$($CMEDL "${request[@]}" --collect --quiet)
check "given again, it is in the tables" test -z "$(grep missing <<<"$whole")"
same_checkpoints() {
  local seed
  for seed in 0 1 2; do
    cmp "$WORK"/{plain,slurm}/runs/pays/runs/ct-k2-seed$seed/checkpoints/step-00000100.safetensors || return 1
  done
}
check "all runs ended with the weights of the runs without Slurm, byte for byte" same_checkpoints
finish
