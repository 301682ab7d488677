#!/usr/bin/env bash
# verify_fails.sh TRIREME: verify exits with 1, names the tensor or the log, and keeps the runs, when a
# training differs or fails.
set -euo pipefail
trireme=$1
mpirun=$(command -v mpirun) || { echo "SKIPPED: needs mpirun"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin"
export TMPDIR=$folder

# An mpirun that trains three ranks, servers among them, with another seed, and fails to start three lanes.
cat >"$folder/bin/mpirun" <<SCRIPT
#!/usr/bin/env bash
case "\$* " in
  *" -n 3 "* | "-n 3 "*) exec "$mpirun" "\$@" --run.seed=7 ;;
  *--run.lanes=3*) echo "three lanes do not fit"; exit 4 ;;
  *) exec "$mpirun" "\$@" ;;
esac
SCRIPT
chmod +x "$folder/bin/mpirun"

code=0
PATH=$folder/bin:$PATH "$trireme" verify configs/digits_mlp.ini --verify.steps=4 >"$folder/table" || code=$?
cat "$folder/table"
[ "$code" -eq 1 ] || { echo "exit code $code, 1 expected"; exit 1; }
grep -qE '^two ranks .* equal$' "$folder/table"
grep -qE '^three ranks .* DIFFERS: max \|a-b\| = [0-9.e-]+ in (model|optimizer)\.' "$folder/table"
grep -qE '^three lanes .* FAILED: exit code 4$' "$folder/table"
grep -qx '    three lanes do not fit' "$folder/table"
grep -qE '^resumed  .* equal$' "$folder/table"
grep -q '^DOES NOT HOLD: 5 of 12 rows. Runs and logs: ' "$folder/table"
compgen -G "$folder/trireme-verify-*/n-ranks/digits_mlp-*" >/dev/null || { echo "the runs were to stay"; exit 1; }
