#!/usr/bin/env bash
# What takes longer than CI has: accuracies on real data, the same answer of every shipped experiment, and training
# that is killed again and again.
set -euo pipefail
export CUDA_VISIBLE_DEVICES=  # all of this is about the CPU; launch/gpu_check.sh looks at GPUs
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source-path=SCRIPTDIR source=../launch/common.sh
. launch/common.sh

usage() {
  cat <<'TEXT'
Usage: long.sh [--only accuracy|verify|kills|servers] [--kills N] [--ranks N]

accuracy   trains the MNIST and CIFAR-10 experiments to their end and compares the accuracy with what is expected
verify     trireme verify on every experiment of configs/, a few steps each (ResNet-18 and -50 with small batches)
kills      kills a rank of configs/digits_cnn.ini N times (default 50), at other steps each time, and holds the
           resumed weights against those of an undisturbed run

servers    trains MNIST with parameter servers at each worker's own pace (bounded, async), whose accuracy must be within 0.3
           points of an all-reduce's, and kills workers and servers of configs/digits_cnn.ini and configs/synthetic_tables.ini N times each,
           resuming on other numbers of both

Prints a table; the last line is "N passed, N failed". All of it takes some hours on two cores; what has no data in
../shared/data/ is skipped.

  --only PART  one of the four
  --ranks N    ranks of each training; default 2
TEXT
}
kills=50 ranks=2 only=
while [ $# -gt 0 ]; do
  case $1 in
    --kills) kills=${2:?--kills needs a number}; shift 2 ;;
    --ranks) ranks=${2:?--ranks needs a number}; shift 2 ;;
    --only) only=${2:?--only needs accuracy, verify, kills or servers}; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

program=$(find_trireme)
mpirun_common
folder=$(mktemp -d "${TMPDIR:-/tmp}/trireme-long.XXXXXX")
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0

# row HOLDS NAME DETAIL SECONDS
row() {
  if [ "$1" = yes ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  printf '%-6s %-28s %-52s %6d s\n' "$([ "$1" = yes ] && echo ok || echo FAILED)" "$2" "$3" "$4"
}

# accuracy EXPERIMENT PERCENT [FOLDER_OF_DATA]: its validation accuracy must reach PERCENT.
accuracy() {
  local begin=$SECONDS log=$folder/$1.log got
  if [ -n "${3:-}" ] && [ ! -d "../shared/data/$3" ]; then
    echo "skip   $1: ../shared/data/$3 is absent"
    return
  fi
  if ! launch/run_local.sh -n "$ranks" "configs/$1.ini" --resume= --run.dir="$folder/$1" >"$log" 2>&1; then
    row no "$1" "failed: $(tail -n 1 "$log")" $((SECONDS - begin))
    return
  fi
  got=$(sed -n 's/.*validation loss.* accuracy \([0-9.]*\)%.*/\1/p' "$log" | tail -1)
  row "$(awk -v g="${got:-0}" -v w="$2" 'BEGIN { print (g >= w ? "yes" : "no") }')" "$1" \
    "accuracy ${got:-none} %, at least $2 % wanted" $((SECONDS - begin))
}

train_some() {  # configs/digits_cnn.ini, or $experiment
  mpirun "${MPIRUN_COMMON[@]}" -n "$ranks" --oversubscribe --bind-to none "$program" train "configs/${experiment:-digits_cnn}.ini" "$@"
}

# The newest run below a folder: one that died before its first checkpoint is started anew beside it.
newest() { find "$1" -mindepth 1 -maxdepth 1 -type d | sort -V | tail -1; }

# Every tensor of the last checkpoint, optimizer state included, must be the undisturbed run's, bit for bit.
kill_loop() {
  local begin kill step holds how said hows=(kill exit throw) options=(--train.max_epochs=4 --checkpoint.every_steps=10)
  if ! train_some "${options[@]}" --run.dir="$folder/straight" >"$folder/straight.log" 2>&1; then
    row no "digits_cnn, undisturbed" "failed: $(tail -n 1 "$folder/straight.log")" 0
    return
  fi
  for kill in $(seq "$kills"); do
    begin=$SECONDS step=$((1 + (kill * 37) % 178)) how=${hows[kill % 3]} holds=no said=
    if train_some "${options[@]}" --run.dir="$folder/killed-$kill" --debug.kill_rank=$((ranks - 1)) \
      --debug.kill_step="$step" --debug.kill_how="$how" >"$folder/killed.log" 2>&1; then
      said="the training was not killed"
    elif ! train_some "${options[@]}" --run.dir="$folder/killed-$kill" --resume auto >"$folder/resumed.log" 2>&1; then
      said="did not resume: $(tail -n 1 "$folder/resumed.log")"
    elif said=$("$program" ckpt diff "$(newest "$folder/straight")" "$(newest "$folder/killed-$kill")" 2>&1 | tail -n 1); then
      holds=yes
    fi
    row $holds "rank $((ranks - 1)): $how at step $step" "$said" $((SECONDS - begin))
  done
}

# percent NAME RANKS OPTIONS...: the validation accuracy of mnist_mlp after four epochs. The rate falls to 0: at a constant
# rate the last steps' noise, larger in batches of one worker, moves it by more than what is looked for.
percent() {
  local name=$1 n=$2
  shift 2
  mpirun "${MPIRUN_COMMON[@]}" -n "$n" --oversubscribe --bind-to none "$program" train configs/mnist_mlp.ini \
    --train.max_epochs=4 --schedule.name=cosine --export.formats= --run.dir="$folder/$name" "$@" >"$folder/$name.log" 2>&1
  sed -n 's/.*validation loss.* accuracy \([0-9.]*\)%.*/\1/p' "$folder/$name.log" | tail -1
}

# Within 0.3 points of the all-reduce's.
own_pace() {
  local begin=$SECONDS wanted got mode served=(--exchange.name=parameter_server --exchange.servers=1)
  if [ ! -d ../shared/data/mnist ]; then
    echo "skip   servers: ../shared/data/mnist is absent"
    return
  fi
  wanted=$(percent reference 2)
  for mode in bounded async; do
    begin=$SECONDS
    got=$(percent "$mode" 4 "${served[@]}" --exchange.consistency=$mode --debug.stall=0.2 --debug.stall_ms=5)
    row "$(awk -v g="${got:-0}" -v w="${wanted:-100}" 'BEGIN { print (g >= w - 0.3 ? "yes" : "no") }')" \
      "mnist_mlp $mode" "accuracy ${got:-none} %, all-reduce ${wanted:-none} %" $((SECONDS - begin))
  done
}

# A worker or a server is killed; other numbers of both go on, in sync mode to the same bits.
server_kills() {
  local begin kill step workers servers rank holds said experiment=$1
  local options=(--train.max_epochs=4 --checkpoint.every_steps=10 --exchange.name=parameter_server --run.lanes=1)
  if ! train_some --train.max_epochs=4 --run.dir="$folder/straight-$experiment" >"$folder/straight.log" 2>&1; then
    row no "$experiment, undisturbed" "failed: $(tail -n 1 "$folder/straight.log")" 0
    return
  fi
  for kill in $(seq "$kills"); do
    begin=$SECONDS step=$((11 + (kill * 37) % 165)) workers=$((1 + kill % 3)) servers=$((1 + kill % 2)) holds=no said=
    rank=$((kill * 5 % (workers + servers)))
    if ranks=$((workers + servers)) train_some "${options[@]}" --exchange.servers=$servers \
      --run.dir="$folder/served-$experiment-$kill" --debug.kill_rank=$rank --debug.kill_step="$step" >"$folder/killed.log" 2>&1; then
      said="the training was not killed"
    elif ! ranks=$((workers % 3 + 3 - servers + 1)) train_some "${options[@]}" --exchange.servers=$((3 - servers)) \
      --run.dir="$folder/served-$experiment-$kill" --resume auto >"$folder/resumed.log" 2>&1; then
      said="did not resume: $(tail -n 1 "$folder/resumed.log")"
    elif said=$("$program" ckpt diff "$(newest "$folder/straight-$experiment")" "$(newest "$folder/served-$experiment-$kill")" 2>&1 | tail -n 1); then
      holds=yes
    fi
    row $holds "$experiment $workers + $servers: rank $rank at step $step" "$said" $((SECONDS - begin))
  done
}

# same_answer EXPERIMENT STEPS OPTIONS...: all of trireme verify's cases agree, bit for bit.
same_answer() {
  local begin=$SECONDS experiment=$1 log=$folder/verify-$1.log steps=$2
  shift 2
  if "$program" verify "configs/$experiment.ini" --verify.steps="$steps" "$@" >"$log" 2>&1; then
    row yes "verify $experiment" "$steps steps $*" $((SECONDS - begin))
  else
    cp "$log" build/
    row no "verify $experiment" "see build/$(basename "$log")" $((SECONDS - begin))
  fi
}

accuracies() {
  accuracy digits_cnn 97
  accuracy mnist_logistic 92.37 mnist
  accuracy mnist_svm 91.48 mnist
  accuracy mnist_mlp 98 mnist
  accuracy lenet5 98.8 mnist
  accuracy mnist_cnn 99 mnist
  accuracy cifar_cnn 75 cifar10
  accuracy cifar_resnet20 85 cifar10
}

same_answers() {
  local experiment data
  for experiment in configs/*.ini; do
    experiment=$(basename "$experiment" .ini)
    case $experiment in
      synthetic_resnet*) same_answer "$experiment" 4 --train.batch_size=8 --data.samples=32 ;;
      cifar_* | mnist_* | lenet5 | criteo_*)
        data=mnist
        case $experiment in cifar_*) data=cifar10 ;; criteo_*) data=criteo ;; esac
        if [ -d "../shared/data/$data" ]; then
          same_answer "$experiment" 4
        else
          echo "skip   verify $experiment: ../shared/data/$data is absent"
        fi ;;
      *) same_answer "$experiment" 20 ;;
    esac
  done
}

case $only in
  '') accuracies; same_answers; kill_loop; own_pace; server_kills digits_cnn; server_kills synthetic_tables ;;
  accuracy) accuracies ;;
  verify) same_answers ;;
  kills) kill_loop ;;
  servers) own_pace; server_kills digits_cnn; server_kills synthetic_tables ;;
  *) usage >&2; exit 2 ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
