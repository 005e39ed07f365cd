#!/usr/bin/env bash
# Tells Spark which GPUs this machine has, by their indexes, as Spark's resource scheduling wants it:
# {"name": "gpu", "addresses": ["0", "1"]}
# For spark.worker.resource.gpu.discoveryScript (standalone) and
# spark.executor.resource.gpu.discoveryScript (YARN, Kubernetes). Needs NVIDIA's nvidia-smi.
set -euo pipefail

if ! indexes=$(nvidia-smi --query-gpu=index --format=csv,noheader); then
  echo "getGpusResources.sh: cannot ask nvidia-smi for the GPUs of this machine: is NVIDIA's driver installed?" >&2
  exit 1
fi
addresses=
while read -r index; do
  [[ $index =~ ^[0-9]+$ ]] || continue
  addresses+="${addresses:+, }\"$index\""
done <<<"$indexes"
echo "{\"name\": \"gpu\", \"addresses\": [$addresses]}"
