#!/usr/bin/env bash
# experiments.sh TRIREME PLUGIN [TOLERANCE]: shipped experiments with other data than made-up ones, some steps with --run.device=cuda: the
# CPU's weights and rows but for rounding. Those whose data is not there are left out, and it says so.
. "$(dirname "$0")/device.sh"
skipped=0

# few NAME DATA OPTIONS...: 12 steps of configs/NAME.ini by gradient descent, in which a small difference stays small.
few() {
  if [ ! -e "configs/$2" ]; then
    echo "SKIPPED: $1 needs $2"
    skipped=77
    return
  fi
  both "$1" "configs/$1.ini" --train.max_epochs=0 --train.max_steps=12 --train.batch_size=64 --optimizer.name=sgd \
    --optimizer.lr=0.05 --schedule.name=constant --train.eval_every=0 --export.formats= "${@:3}"
  near "cpu-$1" "$1"
}
few movielens_style_mf ../data/ratings/train.csv.gz
few criteo_dlrm ../../shared/data/criteo/train.tiny.csv
few mnist_logistic ../../shared/data/mnist/train-images-idx3-ubyte.gz --data.crop_padding=2  # as bytes
exit "$skipped"
