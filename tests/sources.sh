# shellcheck shell=bash
# To be sourced at the clone's top: what the checks look at. Runs, bundles and whatever else a user keeps in the clone
# are not the project's, whatever their names.
rooms=()
for room in benchmarks common datazoo deploy engine examples kernels launch netzoo report tests; do
    [[ ! -d $room ]] || rooms+=("$room")
done
# shellcheck disable=SC2034 # used by run.sh
doors=(compare.py eval.py export.py predict.py train.py)
# shellcheck disable=SC2034
mapfile -d '' -t scripts < <(find .ci/run "${rooms[@]}" \( -name '*.sh' -o -name '*.sbatch' -o -path .ci/run \) -type f -print0 | sort -z)
