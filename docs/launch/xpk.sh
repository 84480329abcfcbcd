#!/usr/bin/env bash
# Submits a run to a cluster that `xpk cluster create` has made, and to which a bucket has been
# attached: xpk storage attach jssl --type gcsfuse --mount-point /bucket --auto-mount true ...
set -euo pipefail

CLUSTER=${CLUSTER:?name of the cluster}
IMAGE=${IMAGE:?a container image in which jssl and jax[tpu] are installed}

xpk workload create \
    --cluster "$CLUSTER" \
    --workload jssl-dino \
    --tpu-type v5litepod-16 \
    --docker-image "$IMAGE" \
    --max-restarts 10 \
    --command "jssl train image/dino_imagenet --distributed --workdir /bucket/runs/dino --data-dir /bucket/tfds"
