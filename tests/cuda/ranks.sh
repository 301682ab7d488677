#!/usr/bin/env bash
# ranks.sh TRIREME PLUGIN [TOLERANCE]: two ranks that share a device, with recorded steps and without: the same bits, one rank's
# weights but for rounding, also where a step is not finite; nearly those where gradients are summed in bf16.
. "$(dirname "$0")/device.sh"
command -v mpirun >/dev/null || { echo "SKIPPED: needs mpirun"; exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# 200 samples in batches of 30: the last of an epoch has 20.
file=("$(dirname "$0")/features.ini" --train.max_steps=12 --train.batch_size=30 --exchange.bucket_mib=0.015625)

one() { train "$1" "${file[@]}" --run.device=cuda "${@:2}"; }
two() {  # two NAME OPTIONS...
  local code=0
  mpirun --oversubscribe --bind-to none -n 2 "$trireme" train "${file[@]}" --run.dir="$work/$1" --run.device=cuda --run.device_ids=0,0 \
    "${@:2}" >"$work/$1.log" 2>&1 || code=$?
  [ "$code" -eq "${expect:-0}" ] || fail "$1" "exit code $code, ${expect:-0} expected"
}
one one
two two
near one two
two eager --cuda.graph=false
equal two eager

one skipped --debug.nan_step=3 --train.non_finite=skip
two two-skipped --debug.nan_step=3 --train.non_finite=skip
near skipped two-skipped

rounded=(--run.reproducible=false --cuda.reduce_type=bf16)
two rounded "${rounded[@]}"
"$trireme" ckpt diff "$(last two)" "$(last rounded)" >/dev/null && fail rounded "nothing was rounded"
tolerance=2e-2 near two rounded
two rounded-eager "${rounded[@]}" --cuda.graph=false
equal rounded rounded-eager
one alone "${rounded[@]}"
equal one alone
