#!/usr/bin/env bash
# wrong_words.sh TRIREME: a wrong word ends with exit code 2 and names what was probably meant.
set -euo pipefail
trireme=$1
program=("$trireme")
failed=0

expect() {  # expect TEXT ARGUMENTS...: exit code 2, and TEXT in the message
  local text=$1 output code=0
  shift
  output=$("${program[@]}" "$@" 2>&1 </dev/null) || code=$?
  if [ "$code" -ne 2 ]; then echo "trireme $*: exit code $code, 2 expected: $output"; failed=1; fi
  grep -qF -- "$text" <<<"$output" || { echo "trireme $*: no \"$text\" in: $output"; failed=1; }
}

experiment=configs/digits_mlp.ini
expect "did you mean train?" trian
expect "did you mean verify?" verfy "$experiment"
expect "trireme --help lists the commands" somethingelse
expect "did you mean --resume?" train "$experiment" --resum auto
expect "did you mean --output?" eval x --ouput json
expect "did you mean --input?" predict x --inputt y
expect "did you mean --out?" export x --oot y
expect "did you mean --weights?" gradients "$experiment" --weight x
expect "did you mean --schema?" config --shema
expect "did you mean 'inspect'?" ckpt inspec x
expect "did you mean --verify.steps?" verify "$experiment" --verify.step=5
expect "unknown option --all" devices --all
expect "takes no arguments, but was given 0" devices 0
expect "takes one experiment file, 2 were given" train "$experiment" extra
expect "takes one experiment file, 0 were given" train --resume auto
expect "takes one experiment file, 0 were given" gradients --weights x
expect "batch_size" config "$experiment" --train.batch_sise=5
expect "batch_size" verify "$experiment" --train.batch_sise=5
expect "a whole number from 4" verify "$experiment" --verify.steps=3
expect "a whole number from 2" verify "$experiment" --verify.ranks=one
expect "a number from 0" verify "$experiment" --verify.tolerance=-1
expect "use --verify.steps" verify "$experiment" --train.max_steps=5
expect "takes one experiment file, 0 were given" verify
expect "has more than 2^62 elements" config configs/digits_cnn.ini --layers --model.layer=flatten \
  --model.layer="reshape shape=4294967296x4294967296x64"
expect "has more than 2^56 parameters" config configs/digits_cnn.ini --layers --model.layer=flatten \
  --model.layer="dense units=1000000000" --model.layer="dense units=1000000000" --model.layer="dense units=10"
program=(env OMPI_COMM_WORLD_SIZE=1 "$trireme")
expect "it starts mpirun itself" verify "$experiment"
program=(env PATH=/nowhere "$trireme")
expect "cannot start mpirun: No such file or directory" verify "$experiment"
exit "$failed"
