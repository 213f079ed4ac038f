#!/usr/bin/env bash
# Installs the harness, and for kind the tools and images of the versions that are asked for.
#   PROVIDER KIND_VERSION ISTIO_VERSION LINKERD_VERSION IMAGES: inputs of the action of these names
set -euo pipefail

report=$(mktemp -d "$RUNNER_TEMP/mesh-migration-report.XXXXXX")
echo "report=$report" >>"$GITHUB_OUTPUT"

if [ "$PROVIDER" != kind ]; then
  pip install --quiet "$GITHUB_ACTION_PATH"
  exit 0
fi
pip install --quiet "${GITHUB_ACTION_PATH}[kind]"

cache=$HOME/.cache/mesh-migration-harness
mkdir -p "$cache/images"
if ! "$GITHUB_ACTION_PATH/deploy/image/tools.sh" "$cache/bin" \
  kind="$KIND_VERSION" istioctl="$ISTIO_VERSION" linkerd="$LINKERD_VERSION"; then
  echo "::error::a tool couldn't be fetched"
  exit 1
fi
echo "$cache/bin" >>"$GITHUB_PATH"

for image in $IMAGES; do
  archive=$cache/images/$(tr -c 'a-zA-Z0-9.\n' '-' <<<"$image").tar
  if [ -e "$archive" ]; then
    docker load --quiet --input "$archive"
  else
    docker pull --quiet "$image"
    docker save --output "$archive" "$image"
  fi
done
