#!/usr/bin/env bash
# Creates a TPU slice, installs jssl on every host and trains. Run it again after a pre-emption.
set -euo pipefail

NAME=${NAME:-jssl}
ZONE=${ZONE:?the zone, such as us-central2-b}
TYPE=${TYPE:-v5litepod-16}
BUCKET=${BUCKET:?the name of a bucket for data and checkpoints}
WHEEL=${WHEEL:?the wheel of jssl}

tpu() { gcloud compute tpus tpu-vm "$@" --zone "$ZONE"; }

tpu describe "$NAME" >/dev/null 2>&1 ||
    tpu create "$NAME" --accelerator-type "$TYPE" --version v2-alpha-tpuv5-lite --spot
tpu scp "$WHEEL" "$NAME": --worker=all
tpu ssh "$NAME" --worker=all --command "pip install './$(basename "$WHEEL")' 'jax[tpu]'"
# A run's folder lies in a file system that all hosts see: the bucket, mounted.
tpu ssh "$NAME" --worker=all --command \
    "mkdir -p bucket && { mountpoint -q bucket || gcsfuse --implicit-dirs $BUCKET bucket; }"
tpu ssh "$NAME" --worker=all --command \
    "jssl train image/dino_imagenet --distributed --workdir bucket/runs/dino --data-dir bucket/tfds"
