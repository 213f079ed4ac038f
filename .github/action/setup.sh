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
bin=$cache/bin
mkdir -p "$bin" "$cache/images"
echo "$bin" >>"$GITHUB_PATH"
case $(uname -m) in
  x86_64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) echo "::error::there are no released tools for $(uname -m)" && exit 1 ;;
esac

# release FILE URL CHECKSUM_URL: downloads it, unless a cached one is there, and checks its sum.
release() {
  [ ! -e "$1" ] || return 0
  curl --proto '=https' --tlsv1.2 -sSfL --retry 3 -o "$1.part" "$2"
  sum=$(curl --proto '=https' --tlsv1.2 -sSfL --retry 3 "$3" | cut -d ' ' -f 1)
  if ! echo "$sum  $1.part" | sha256sum --check --quiet -; then
    echo "::error::$2 isn't what its checksum says ($sum)"
    exit 1
  fi
  mv "$1.part" "$1"
}

if [ -n "$KIND_VERSION" ]; then
  url=https://github.com/kubernetes-sigs/kind/releases/download/$KIND_VERSION/kind-linux-$arch
  release "$bin/kind-$KIND_VERSION" "$url" "$url.sha256sum"
  install -m 755 "$bin/kind-$KIND_VERSION" "$bin/kind"
fi
if [ -n "$ISTIO_VERSION" ]; then
  url=https://github.com/istio/istio/releases/download/$ISTIO_VERSION/istioctl-$ISTIO_VERSION-linux-$arch.tar.gz
  release "$cache/istioctl-$ISTIO_VERSION.tar.gz" "$url" "$url.sha256"
  tar -xzf "$cache/istioctl-$ISTIO_VERSION.tar.gz" -C "$bin" istioctl
fi
if [ -n "$LINKERD_VERSION" ]; then
  url=https://github.com/linkerd/linkerd2/releases/download/$LINKERD_VERSION/linkerd2-cli-$LINKERD_VERSION-linux-$arch
  release "$bin/linkerd-$LINKERD_VERSION" "$url" "$url.sha256"
  install -m 755 "$bin/linkerd-$LINKERD_VERSION" "$bin/linkerd"
fi

for image in $IMAGES; do
  archive=$cache/images/$(tr -c 'a-zA-Z0-9.\n' '-' <<<"$image").tar
  if [ -e "$archive" ]; then
    docker load --quiet --input "$archive"
  else
    docker pull --quiet "$image"
    docker save --output "$archive" "$image"
  fi
done
