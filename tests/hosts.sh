#!/usr/bin/env bash
# Runs a command as four ranks on three hosts of one machine: network namespaces on a bridge, each with its own
# host name. Needs root and iproute2; says SKIPPED and exits with 77 where that is not allowed.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: tests/hosts.sh COMMAND [ARGUMENTS...]

Ranks 0 and 1 run on host h1, rank 2 on h2, rank 3 on h3; messages between hosts travel over TCP.
Exit code: the command's under mpirun; 77 when this machine does not permit network namespaces.
TEXT
}
case ${1:-} in
  -h | --help) usage; exit 0 ;;
  '') usage >&2; exit 2 ;;
esac

skip() { echo "SKIPPED: hosts.sh $*" >&2; exit 77; }
[ "$(id -u)" -eq 0 ] || skip "needs root"
command -v ip >/dev/null || skip "needs iproute2"
command -v mpirun >/dev/null || skip "needs mpirun"

tag=t$$  # interface names hold 15 characters
folder=$(mktemp -d)
# shellcheck disable=SC2317  # the trap calls it
clean_up() {
  for i in 1 2 3; do
    if ip netns list | grep -qw "$tag-h$i"; then
      ip netns pids "$tag-h$i" | xargs -r kill -KILL 2>/dev/null || true
      ip netns delete "$tag-h$i" || true
    fi
  done
  ip link delete "$tag-br" 2>/dev/null || true
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ip link add "$tag-br" type bridge 2>/dev/null || skip "may not make a bridge here"
ip link set "$tag-br" up
for i in 1 2 3; do
  ip netns add "$tag-h$i" 2>/dev/null || skip "may not make network namespaces here"
  ip link add "$tag-v$i" type veth peer name "$tag-p$i" || skip "may not make veth pairs here"
  ip link set "$tag-p$i" netns "$tag-h$i"
  ip link set "$tag-v$i" master "$tag-br" up
  ip -n "$tag-h$i" address add "10.77.0.$i/24" dev "$tag-p$i"
  ip -n "$tag-h$i" link set "$tag-p$i" up
  ip -n "$tag-h$i" link set lo up
done

# What mpirun calls instead of ssh: agent ADDRESS COMMAND...
cat >"$folder/agent" <<AGENT
#!/usr/bin/env bash
address=\$1; shift
i=\${address##*.}
exec ip netns exec "$tag-h\$i" unshare --uts bash -c "hostname h\$i; \$*"
AGENT
chmod +x "$folder/agent"
printf '10.77.0.1 slots=2\n10.77.0.2 slots=1\n10.77.0.3 slots=1\n' >"$folder/hosts"
# mpirun itself stands on a fourth host, so that h1's ranks start through the agent too.
ip address add 10.77.0.254/24 dev "$tag-br"

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
code=0
mpirun --hostfile "$folder/hosts" -n 4 --bind-to none --mca plm_rsh_agent "$folder/agent" \
  --mca pml ob1 --mca btl tcp,self,vader --mca btl_tcp_if_include 10.77.0.0/24 \
  --mca oob_tcp_if_include 10.77.0.0/24 "$@" || code=$?
exit "$code"
