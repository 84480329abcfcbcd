#!/usr/bin/env bash
# hosts.sh HOST0 HOST1 ...: one process on each host; HOST0 coordinates. Ctrl-C stops them all.
set -euo pipefail

if [ "$#" -lt 1 ]; then
    echo "usage: $0 HOST0 [HOST1 ...]" >&2
    exit 2
fi
hosts=("$@")
for index in "${!hosts[@]}"; do
    command=(
        jssl train image/dino_imagenet
        --coordinator "${hosts[0]}:1234"
        --processes "${#hosts[@]}"
        --process "$index"
        --workdir /SHARED/runs/dino
        --data-dir /SHARED/tfds
    )
    # -tt: the remote process gets the signal when this script is interrupted
    ssh -tt "${hosts[$index]}" "$(printf '%q ' "${command[@]}")" &
done
wait
